import numpy as np

from benchmarks.judging import judge

FACE = np.array([100.0, 100.0, 20.0, 24.0])


def moved(x: float, y: float, times: float = 1.0) -> np.ndarray:
    """The face's box, moved by its own size and scaled around its centre."""
    size = FACE[2:] * times
    centre = FACE[:2] + FACE[2:] / 2 + np.array([x, y]) * FACE[2:]
    return np.concatenate([centre - size / 2, size])


def test_face_is_found_when_a_box_overlaps_it() -> None:
    judgement = judge([moved(5, 5), moved(0.2, 0.1)], [FACE])
    assert (judgement.hits, judgement.found, judgement.false) == ([1], 1, 1)


def test_face_is_missed_when_the_box_is_beside_it() -> None:
    judgement = judge([moved(0.8, 0)], [FACE])
    assert (judgement.hits, judgement.found, judgement.false) == ([None], 0, 1)


def test_face_is_found_when_the_box_is_centred_and_not_twice_as_large() -> None:
    assert judge([moved(0.3, 0, 1.9)], [FACE]).found == 1
    assert judge([moved(0, 0, 2.1)], [FACE]).found == 0


def test_second_box_is_false_when_both_are_of_one_face() -> None:
    judgement = judge([moved(0.2, 0), moved(0, 0)], [FACE])
    assert (judgement.hits, judgement.false) == ([1], 1)


def test_all_is_missed_when_nothing_is_returned() -> None:
    judgement = judge([], [FACE, moved(3, 3)])
    assert (judgement.hits, judgement.found, judgement.false) == ([None, None], 0, 0)


def test_everything_is_false_when_nobody_is_there() -> None:
    assert judge([FACE, moved(2, 2)], []).false == 2
