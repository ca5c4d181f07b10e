"""Room for bytes, wanted by several threads."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.recognition.byte_budget import ByteBudget


class Holder:
    """Reserves in a thread of its own and holds it until it is told to let go."""

    def __init__(self, budget: ByteBudget, n_bytes: int, order: list[int] | None = None) -> None:
        self.let_go, self.holds = threading.Event(), threading.Event()
        pool = ThreadPoolExecutor(1)

        def hold() -> None:
            with budget.reserve(n_bytes):
                if order is not None:
                    order.append(n_bytes)
                self.holds.set()
                assert self.let_go.wait(timeout=60)

        self.done: Future[None] = pool.submit(hold)
        pool.shutdown(wait=False)

    def end(self) -> None:
        """Lets go and waits until it has."""
        self.let_go.set()
        self.done.result(timeout=60)


def _wait_for_turns(budget: ByteBudget, count: int) -> None:
    while len(budget._turns) < count:
        threading.Event().wait(0.001)


def test_both_hold_when_there_is_room_for_both() -> None:
    budget = ByteBudget(10)
    holders = [Holder(budget, 5), Holder(budget, 5)]
    assert all(holder.holds.wait(timeout=60) for holder in holders)
    for holder in holders:
        holder.end()


def test_second_waits_when_there_is_no_room_and_goes_on_when_the_first_ends() -> None:
    budget = ByteBudget(10)
    first = Holder(budget, 6)
    assert first.holds.wait(timeout=60)
    second = Holder(budget, 5)
    _wait_for_turns(budget, 1)
    assert not second.holds.is_set()
    first.end()
    assert second.holds.wait(timeout=60)
    second.end()


def test_small_one_does_not_overtake_when_a_large_one_waits() -> None:
    budget, order = ByteBudget(10), list[int]()
    first = Holder(budget, 6, order)
    assert first.holds.wait(timeout=60)
    large = Holder(budget, 9, order)
    _wait_for_turns(budget, 1)
    small = Holder(budget, 1, order)
    _wait_for_turns(budget, 2)
    for holder in (first, large, small):
        holder.end()
    assert order == [6, 9, 1]


def test_one_that_is_larger_than_the_budget_runs_alone() -> None:
    budget = ByteBudget(10)
    huge = Holder(budget, 11)
    assert huge.holds.wait(timeout=60)
    small = Holder(budget, 1)
    _wait_for_turns(budget, 1)
    assert not small.holds.is_set()
    huge.end()
    assert small.holds.wait(timeout=60)
    small.end()


def test_room_is_given_back_when_the_holder_fails() -> None:
    budget = ByteBudget(10)
    with pytest.raises(OSError, match="damaged"), budget.reserve(10):
        raise OSError("damaged")
    with budget.reserve(10):
        pass
