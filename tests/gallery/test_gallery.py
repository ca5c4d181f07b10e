"""The gallery against a dictionary that is searched by hand."""

import numpy as np
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.gallery.gallery import Enrolled, Gallery, Match
from app.gallery.matrix import ROWS_PER_BLOCK, Rows, TemplateMatrix
from app.vision.dimensions import EMBEDDING_SIZE

_USERS = st.sampled_from([f"user-{index}" for index in range(40)])
_SEEDS = st.integers(0, 1000)


def _embedding(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(EMBEDDING_SIZE)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _enrolled(seed: int) -> Enrolled:
    """Some are in one group, some in two, some in none; half of them have a template of 12 px."""
    groups = frozenset(name for bit, name in ((1, "north"), (2, "south")) if seed & bit)
    return Enrolled(_embedding(seed), groups, {12: _embedding(seed + 1_000)} if seed & 4 else {})


def _compared(enrolled: Enrolled, size: int | None) -> np.ndarray:
    return enrolled.template if size is None else enrolled.sized.get(size, enrolled.template)


class GalleryAgainstDictionary(RuleBasedStateMachine):
    """40 users come and go, so that rows move all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.gallery = Gallery(sizes={12})
        self.enrolled: dict[str, Enrolled] = {}
        self.revision = 0

    @rule(user_id=_USERS, seed=_SEEDS)
    def upsert(self, user_id: str, seed: int) -> None:
        self.revision += 1
        self.gallery.follow({user_id: _enrolled(seed)}, self.revision)
        self.enrolled[user_id] = _enrolled(seed)

    @rule(first=_SEEDS)
    def upsert_everybody(self, first: int) -> None:
        for index in range(40):
            self.upsert(f"user-{index}", first + index)

    @rule(user_id=_USERS)
    def remove(self, user_id: str) -> None:
        self.revision += 1
        self.gallery.follow({user_id: None}, self.revision)
        self.enrolled.pop(user_id, None)

    @rule(changed=st.dictionaries(_USERS, _SEEDS), gone=st.sets(_USERS))
    def catch_up_with_others(self, changed: dict[str, int], gone: set[str]) -> None:
        """Another process has changed the rows several times."""
        self.revision += 3
        young = {user_id: _enrolled(seed) for user_id, seed in changed.items()}
        self.enrolled |= young
        for user_id in gone:
            self.enrolled.pop(user_id, None)
        # A user who went is in the list of changes no more.
        left = {user_id: vector for user_id, vector in young.items() if user_id not in gone}
        self.gallery.catch_up(left, set(self.enrolled), self.revision, read_at=self.gallery.changes)

    @rule(
        seed=_SEEDS,
        top_k=st.integers(0, 60),
        groups=st.none() | st.frozensets(st.sampled_from(["north", "south", "nowhere"])),
        size=st.sampled_from([None, 12]),
    )
    def search(
        self, seed: int, top_k: int, groups: frozenset[str] | None, size: int | None
    ) -> None:
        probe = _embedding(seed)
        by_hand = [
            Match(who, float(np.vecdot(_compared(enrolled, size), probe)))
            for who, enrolled in self.enrolled.items()
            if groups is None or groups & enrolled.groups
        ]
        by_hand.sort(key=lambda match: (-match.similarity, match.user_id))
        assert self.gallery.search(probe, top_k, groups, size) == by_hand[:top_k]

    @invariant()
    def holds_what_the_dictionary_holds(self) -> None:
        assert len(self.gallery) == len(self.enrolled)
        assert self.gallery.revision == self.revision
        for user_id, enrolled in self.enrolled.items():
            for size in (None, 12):
                found = self.gallery.template(user_id, size)
                assert found is not None
                assert np.array_equal(found, _compared(enrolled, size))


TestGalleryAgainstDictionary = GalleryAgainstDictionary.TestCase
TestGalleryAgainstDictionary.settings = hypothesis_settings(max_examples=30, deadline=None)


def test_template_is_a_copy_when_the_row_changes_later() -> None:
    gallery = Gallery([("anna", _enrolled(1)), ("bert", _enrolled(2))])
    template = gallery.template("anna")
    gallery.follow({"anna": None}, revision=1)
    assert template is not None
    assert np.array_equal(template, _embedding(1))
    assert gallery.template("anna") is None


def test_users_are_found_when_the_gallery_grows_and_shrinks_over_the_end_of_a_block() -> None:
    crowd = np.random.default_rng(0).standard_normal((ROWS_PER_BLOCK - 1, EMBEDDING_SIZE))
    crowd /= np.linalg.norm(crowd, axis=1, keepdims=True)
    crowd = crowd.astype(np.float32)
    gallery = Gallery(
        (f"crowd-{index}", Enrolled(template)) for index, template in enumerate(crowd)
    )
    late = {f"late-{seed}": _embedding(seed) for seed in range(1, 5)}

    def finds_everybody() -> bool:
        known = [*late.items(), ("crowd-0", crowd[0]), (f"crowd-{len(crowd) - 1}", crowd[-1])]
        return all(gallery.search(vector, 1)[0].user_id == user_id for user_id, vector in known)

    for revision, (user_id, template) in enumerate(late.items(), start=1):
        gallery.follow({user_id: Enrolled(template)}, revision)
    assert len(gallery) == ROWS_PER_BLOCK + 3
    assert finds_everybody()
    # The last rows move to the front, out of their block.
    gallery.follow({f"crowd-{index}": None for index in range(1, 5)}, revision=5)
    assert len(gallery) == ROWS_PER_BLOCK - 1
    assert finds_everybody()


def test_nothing_of_a_template_stays_in_memory_when_it_is_removed() -> None:
    templates = np.stack([_embedding(seed) for seed in range(3)])
    matrix = TemplateMatrix()
    rows = Rows.of(templates, marks=[1, 2, 3])
    for row in range(3):
        matrix.put(row, rows, row)
    first = matrix.blocks[0]
    matrix.remove(0)
    assert [np.array_equal(first.templates[row], templates[2 - row]) for row in (0, 1)] == [
        True
    ] * 2
    matrix.remove(0)
    matrix.remove(0)
    assert matrix.blocks == []
    assert not any(array.any() for array in first)
    assert all(array.any() for array in rows)


def test_template_is_refused_when_it_is_not_of_unit_length() -> None:
    broken = _embedding(1)
    broken[0] = np.nan
    for template in (broken, 2 * _embedding(1), np.zeros(EMBEDDING_SIZE, np.float32)):
        gallery = Gallery([("anna", _enrolled(1))])
        with pytest.raises(ValueError, match="unit length"):
            gallery.follow({"bert": Enrolled(template)}, revision=1)
        with pytest.raises(ValueError, match="unit length"):
            gallery.search(template, 1)
        assert (len(gallery), gallery.revision) == (1, 0)


def test_revision_stays_when_somebody_else_has_changed_the_rows_in_between() -> None:
    gallery = Gallery([("anna", _enrolled(1))], revision=4)
    gallery.follow({"bert": _enrolled(2)}, revision=6)
    assert len(gallery) == 2
    assert gallery.revision == 4, "revision 5 is still to be read"
    gallery.catch_up({"carl": _enrolled(3)}, None, 6, read_at=gallery.changes)
    assert (len(gallery), gallery.revision) == (3, 6)
