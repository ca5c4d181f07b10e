"""Which parts of a frame are looked at."""

import numpy as np

from app.tracking.parts import is_in, parts_to_look_at

_WHOLE = [(0, 0, 1280, 720)]


def test_only_the_surroundings_are_looked_at_when_little_has_moved() -> None:
    (part,) = parts_to_look_at([(600, 300, 16, 16)], [], 1280, 720)
    assert part == (520, 220, 176, 176)
    assert parts_to_look_at([], [(0, 0, 50, 50)], 1280, 720) == []


def test_parts_are_disjoint_and_in_the_frame_when_movements_are_near_each_other() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        moved = [(int(x), int(y), 30, 20) for x, y in rng.uniform(0, (1250, 700), (4, 2))]
        parts = parts_to_look_at(moved, [], 1280, 720)
        covered = np.zeros((720, 1280), int)
        for x, y, width, height in parts:
            assert min(x, y) >= 0
            covered[y : y + height, x : x + width] += 1
        assert sum(width * height for *_, width, height in parts) == covered.sum()
        assert covered.max() == 1
        assert all(covered[y : y + 20, x : x + 30].all() for x, y, *_ in moved)


def test_a_known_face_is_not_cut_through_when_a_part_of_it_moves() -> None:
    (part,) = parts_to_look_at([(400, 300, 16, 16)], [(410.0, 250.0, 300.0, 350.0)], 1280, 720)
    assert is_in((411, 251), [part])
    assert is_in((709, 599), [part])


def test_everything_is_looked_at_when_much_or_much_different_has_moved() -> None:
    assert parts_to_look_at([(100, 100, 900, 500)], [], 1280, 720) == _WHOLE
    many = [(x, y, 8, 8) for x in range(100, 1280, 300) for y in (100, 500)]
    assert parts_to_look_at(many, [], 1280, 720) == _WHOLE
