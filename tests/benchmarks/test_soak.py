"""What a soak says, and what it is sure of."""

from collections.abc import Sequence

import pytest

from benchmarks.soak import Reading, Window, complaints, growth, growth_rows, table_rows
from benchmarks.soak_callers import NO_ANSWER, SMALL_FACE, Asked

STEADY = Reading(resident_mib=500.0, own_mib=400.0, descriptors=40, threads=20)
FINE = Asked(SMALL_FACE, 0.1, 200, True)


def windows(
    readings: Sequence[Reading], per_window: int = 1000, odd: Asked | None = None
) -> list[Window]:
    made = [Window([FINE] * per_window, 10.0, reading) for reading in readings]
    return made if odd is None else [*made[:-1], Window([FINE, odd, odd], 10.0, made[-1].reading)]


def growing(resident_mib: float = 0.0, descriptors: float = 0.0) -> list[Reading]:
    """So much more with every window."""
    return [
        Reading(500.0 + number * resident_mib, 400.0, round(40 + number * descriptors), 20)
        for number in range(50)
    ]


def test_nothing_is_wrong_when_nothing_grows_and_all_answers_are_right() -> None:
    assert complaints(windows([STEADY] * 50)) == []


def test_growth_is_told_when_memory_grows_by_more_than_a_hundredth_after_the_first_tenth() -> None:
    assert complaints(windows(growing(resident_mib=0.1))) == []
    (complaint,) = complaints(windows(growing(resident_mib=0.15)))
    assert complaint.startswith("resident, MiB grew from 501.1 to 507.1")


def test_first_tenth_does_not_count_when_it_grows() -> None:
    readings = [*growing(resident_mib=40)[:5], *[Reading(700.0, 400.0, 40, 20)] * 45]
    assert complaints(windows(readings)) == []
    assert growth(windows(readings), lambda of: of.resident_mib) == (700.0, 700.0)


def test_growth_is_told_when_descriptors_are_left_open() -> None:
    (complaint,) = complaints(windows(growing(descriptors=0.3)))
    assert complaint.startswith("descriptors grew from 42 to 54")


def test_short_soak_tells_only_of_what_grows_much() -> None:
    assert complaints(windows(growing(resident_mib=0.15), per_window=20)) == []
    assert len(complaints(windows(growing(resident_mib=6.0), per_window=20))) == 1


@pytest.mark.parametrize("status", [500, 404, NO_ANSWER])
def test_answer_is_told_when_it_is_not_the_right_one(status: int) -> None:
    odd = Asked("health", 0.1, status, False, "what came back")
    (complaint,) = complaints(windows([STEADY] * 50, odd=odd))
    assert complaint == f"'health' was answered {status}, 2 times: what came back"


def test_table_has_a_row_for_each_tenth() -> None:
    odd = Asked("health", 0.1, 503, False)
    rows = table_rows(windows([STEADY] * 50, per_window=10, odd=odd), "here")
    assert [row.case for row in rows][:2] == ["1 to 50", "51 to 100"]
    assert len(rows) == 10
    assert [row.figures["here"]["5xx"] for row in rows] == [0] * 9 + [2]


def test_growth_is_from_the_second_tenth_to_the_last() -> None:
    rows = growth_rows(windows(growing(resident_mib=1.0)), "here")
    assert rows[0].case == "resident, MiB"
    assert rows[0].figures["here"] == {"before": "507.0", "after": "547.0", "growth": "+7.89%"}
