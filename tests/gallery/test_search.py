"""Search against comparing everybody, and beside threads that change whom it searches."""

import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import simsimd
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.gallery.gallery import Enrolled, Gallery, Match
from app.gallery.matrix import Marks, Rows, Shortlist, TemplateMatrix
from app.vision.dimensions import EMBEDDING_SIZE

Vectors = NDArray[np.float32]


def _unit(vectors: NDArray[np.floating]) -> Vectors:
    vectors = np.asarray(vectors, dtype=np.float64)
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return unit


def _random(rng: np.random.Generator, count: int) -> Vectors:
    return _unit(rng.standard_normal((count, EMBEDDING_SIZE)))


def _clustered(rng: np.random.Generator, count: int) -> Vectors:
    """Far nearer to each other than an int8 copy can tell."""
    noise = rng.standard_normal((count, EMBEDDING_SIZE)) * 10.0 ** rng.uniform(-8, -2)
    return _unit(_random(rng, 1) + noise)


def _duplicated(rng: np.random.Generator, count: int) -> Vectors:
    return _random(rng, max(1, count // 5))[rng.integers(0, max(1, count // 5), count)]


def _sparse(rng: np.random.Generator, count: int) -> Vectors:
    """All of the length in a few numbers, the others tiny: int8 copies are at their coarsest."""
    vectors = rng.standard_normal((count, EMBEDDING_SIZE)) * 1e-3
    vectors[np.arange(count), rng.integers(0, 3, count)] = rng.choice([-1, 1], count)
    return _unit(vectors)


def _between_codes(rng: np.random.Generator, count: int) -> Vectors:
    """Every number lies in the middle between two codes, where a copy is off the most."""
    vectors = rng.integers(-6, 6, (count, EMBEDDING_SIZE)) + 0.5
    vectors[:, 0] = 127
    return _unit(vectors)


def _opposite(rng: np.random.Generator, count: int) -> Vectors:
    """Nobody is similar: the best is below 0."""
    return _unit(-np.abs(rng.standard_normal((count, EMBEDDING_SIZE))))


def _compared_with_everybody(templates: Vectors, probe: Vectors, top_k: int) -> list[Match]:
    similarities = np.vecdot(templates, probe)
    matches = [Match(f"user-{row}", float(value)) for row, value in enumerate(similarities)]
    return sorted(matches, key=lambda match: (-match.similarity, match.user_id))[:top_k]


def _gallery(templates: Vectors) -> Gallery:
    return Gallery((f"user-{row}", Enrolled(template)) for row, template in enumerate(templates))


_KINDS = st.sampled_from([_random, _clustered, _duplicated, _sparse, _between_codes, _opposite])


@given(
    kind=_KINDS,
    probe_kind=_KINDS,
    near=st.booleans(),
    count=st.integers(1, 700),
    top_k=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_search_finds_what_comparing_everybody_finds(
    kind: Callable[[np.random.Generator, int], Vectors],
    probe_kind: Callable[[np.random.Generator, int], Vectors],
    near: bool,
    count: int,
    top_k: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    templates = kind(rng, count)
    (probe,) = probe_kind(rng, 1)
    if near:
        probe = _unit(templates[0] + 0.5 * probe)
    found = _gallery(templates).search(probe, top_k)
    assert found == _compared_with_everybody(templates, probe, top_k)


@pytest.mark.parametrize("seed", range(5))
def test_best_is_found_when_its_copy_is_off_as_far_as_it_can_be(seed: int) -> None:
    """By int8 copies the best is 0.01 less similar than it is, and another seems to be better."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(70, 120, EMBEDDING_SIZE)
    codes[0] = 127
    inner = np.arange(EMBEDDING_SIZE) > 0
    best = _unit(codes + 0.49 * inner)  # all of it is rounded down, and so is the same embedding
    elsewhere = 10 * (np.arange(EMBEDDING_SIZE) % 25 == 1) * rng.choice([-1, 1], EMBEDDING_SIZE)
    other = _unit(codes + 0.51 * inner + elsewhere)  # all of it is rounded up
    assert 1e-5 < 1 - np.vecdot(other, best) < 1e-3
    crowd = _random(rng, 2000)
    templates = np.concatenate([crowd, [other], crowd, [best], crowd])
    assert _gallery(templates).search(best, 1) == _compared_with_everybody(templates, best, 1)


def test_interpreter_keeps_its_objects_when_much_is_searched() -> None:
    """A library that returns None without counting it ends the process some day."""
    rng = np.random.default_rng(0)
    gallery, probe = _gallery(_random(rng, 100)), _random(rng, 1)[0]
    objects = (None, True, False, 0, 1, ())
    gallery.search(probe, 2)
    before = [sys.getrefcount(each) for each in objects]
    for _ in range(1000):
        gallery.search(probe, 2)
    after = [sys.getrefcount(each) for each in objects]
    assert all(late > early - 500 for early, late in zip(before, after, strict=True))


@pytest.fixture(params=["as it is", "without VNNI", "without AVX-512", "without SIMD"])
def processor(request: pytest.FixtureRequest) -> Iterator[None]:
    """What other processors would do, as far as this one can."""
    here = [name for name, there in simsimd.get_capabilities().items() if there]
    lacking = {
        "as it is": set(),
        "without VNNI": {"ice", "genoa", "sapphire", "turin"},
        "without AVX-512": set(here) - {"serial", "haswell"},
        "without SIMD": set(here) - {"serial"},
    }[request.param]
    off = lacking.intersection(here)
    for name in off:
        simsimd.disable_capability(name)
    yield
    for name in off:
        simsimd.enable_capability(name)


@pytest.mark.usefixtures("processor")
def test_search_finds_the_same_when_the_processor_knows_less() -> None:
    rng = np.random.default_rng(1)
    templates = np.concatenate([_random(rng, 3000), _sparse(rng, 500), _between_codes(rng, 500)])
    gallery = _gallery(templates)
    for probe in np.concatenate([templates[::400], _random(rng, 5)]):
        assert gallery.search(probe, 7) == _compared_with_everybody(templates, probe, 7)


def test_search_looks_at_few_when_they_are_unlike_each_other() -> None:
    """What makes it fast; the tests of equality would pass without."""
    templates = _random(np.random.default_rng(2), 20_000)
    rows, matrix = Rows.of(templates), TemplateMatrix()
    for row in range(len(templates)):
        matrix.put(row, rows, row)
    probes = _random(np.random.default_rng(3), 20)
    assert max(len(matrix.shortlist(probe, 2).rows) for probe in probes) < 200


class _Interrupted:
    """Does something after each of the first looks of a search, when it holds no lock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *changes: Callable[[], object]) -> None:
        self.looks = 0
        look = TemplateMatrix.shortlist

        def interrupted(
            matrix: TemplateMatrix, embedding: Vectors, top_k: int, marks: Marks | None
        ) -> Shortlist:
            shortlist = look(matrix, embedding, top_k, marks)
            self.looks += 1
            if self.looks <= len(changes):
                changes[self.looks - 1]()
            return shortlist

        monkeypatch.setattr(TemplateMatrix, "shortlist", interrupted)


@pytest.fixture
def templates() -> Vectors:
    return _random(np.random.default_rng(3), 1000)


def test_user_is_found_when_their_row_moves_during_the_search(
    monkeypatch: pytest.MonkeyPatch, templates: Vectors
) -> None:
    gallery = _gallery(templates)
    _Interrupted(monkeypatch, lambda: gallery.follow({"user-3": None}, 1))
    (match,) = gallery.search(templates[-1], 1)
    assert match == Match("user-999", float(np.vecdot(templates[-1], templates[-1])))


def test_user_is_found_by_the_new_template_when_it_is_replaced_during_the_search(
    monkeypatch: pytest.MonkeyPatch, templates: Vectors
) -> None:
    gallery = _gallery(templates)
    probe = _random(np.random.default_rng(4), 1)[0]
    interrupted = _Interrupted(monkeypatch, lambda: gallery.follow({"user-7": Enrolled(probe)}, 1))
    assert gallery.search(probe, 1)[0].user_id == "user-7"
    assert interrupted.looks == 1, "others need not be looked through again"


def test_next_best_is_found_when_the_best_is_erased_during_the_search(
    monkeypatch: pytest.MonkeyPatch, templates: Vectors
) -> None:
    gallery = _gallery(templates)
    _, second = gallery.search(templates[5], 2)
    interrupted = _Interrupted(monkeypatch, lambda: gallery.follow({"user-5": None}, 1))
    assert gallery.search(templates[5], 1) == [second]
    assert interrupted.looks == 2


def test_search_is_right_when_the_best_is_erased_during_every_look(
    monkeypatch: pytest.MonkeyPatch, templates: Vectors
) -> None:
    (probe,) = _random(np.random.default_rng(4), 1)
    templates[:5] = _unit(probe + 0.2 * np.arange(1, 6)[:, None] * templates[:5])
    gallery = _gallery(templates)

    def erase_the_best() -> None:
        gallery.follow({f"user-{interrupted.looks - 1}": None}, gallery.revision + 1)

    interrupted = _Interrupted(monkeypatch, erase_the_best, erase_the_best, erase_the_best)
    assert gallery.search(probe, 1)[0].user_id == "user-3"
    assert interrupted.looks == 4


def test_search_finds_nobody_when_all_are_erased_during_it(
    monkeypatch: pytest.MonkeyPatch, templates: Vectors
) -> None:
    gallery = _gallery(templates)
    _Interrupted(monkeypatch, lambda: gallery.catch_up({}, set(), 1, read_at=0))
    assert gallery.search(templates[5], 3) == []


def test_writer_does_not_wait_when_a_search_is_under_way(
    monkeypatch: pytest.MonkeyPatch, templates: Vectors
) -> None:
    gallery = _gallery(templates)
    looked, go_on = threading.Event(), threading.Event()
    found: list[Match] = []

    def wait() -> None:
        looked.set()
        assert go_on.wait(30)

    _Interrupted(monkeypatch, wait)
    searching = threading.Thread(target=lambda: found.extend(gallery.search(templates[0], 1)))
    searching.start()
    assert looked.wait(30)
    writing = threading.Thread(target=lambda: gallery.follow({"user-0": None}, 1))
    writing.start()
    writing.join(30)
    assert not writing.is_alive()
    go_on.set()
    searching.join(30)
    assert found
    assert found[0].user_id != "user-0", "erased before the answer"


_STAYING, _COMING_AND_GOING, _SEARCHES = 3000, 24, 150
_NEVER_NEXT = 2
"""A revision behind a gap: the gallery keeps its own, and takes over everything."""


def test_known_user_is_found_and_erased_one_is_not_when_many_threads_write() -> None:
    """Rows move and are replaced all the time, in a gallery that takes a while to look through."""
    rng = np.random.default_rng(5)
    staying = {f"staying-{row}": t for row, t in enumerate(_random(rng, _STAYING))}
    gallery = Gallery((user_id, Enrolled(template)) for user_id, template in staying.items())
    done = threading.Event()
    errors: list[str] = []

    def come_and_go(number: int) -> None:
        """Users of this thread alone, so that it knows who is there."""
        rng = np.random.default_rng([6, number])
        while not done.is_set():
            (template, other) = _random(rng, 2)
            user_id = f"{number}-{rng.integers(_COMING_AND_GOING)}"
            gallery.follow({user_id: Enrolled(template)}, _NEVER_NEXT)
            if gallery.search(template, 1)[0] != Match(user_id, _similarity(template, template)):
                errors.append("not found after it was added")
            gallery.follow({user_id: Enrolled(other)}, _NEVER_NEXT)
            if gallery.search(other, 1)[0] != Match(user_id, _similarity(other, other)):
                errors.append("not found after it was replaced")
            gallery.follow({user_id: None}, _NEVER_NEXT)
            if any(match.user_id == user_id for match in gallery.search(other, 3)):
                errors.append("found after it was erased")

    def search(number: int) -> None:
        rng = np.random.default_rng([7, number])
        for _ in range(_SEARCHES):
            user_id = f"staying-{rng.integers(_STAYING)}"
            probe = _unit(staying[user_id] + 0.05 * rng.standard_normal(EMBEDDING_SIZE))
            found = gallery.search(probe, 3)
            if found[0] != Match(user_id, _similarity(staying[user_id], probe)):
                errors.append("somebody who never went was not found")
            seen = {match.user_id for match in found}
            rest = np.stack([t for staying_id, t in staying.items() if staying_id not in seen])
            if np.vecdot(rest, probe).max() > found[-1].similarity:
                errors.append("somebody better was passed over")

    writers = [threading.Thread(target=come_and_go, args=[number]) for number in range(3)]
    searchers = [threading.Thread(target=search, args=[number]) for number in range(3)]
    for thread in (*writers, *searchers):
        thread.start()
    for thread in searchers:
        thread.join()
    done.set()
    for thread in writers:
        thread.join()
    assert errors == []
    assert len(gallery) == _STAYING


def _similarity(template: Vectors, probe: Vectors) -> float:
    return float(np.vecdot(template, probe))
