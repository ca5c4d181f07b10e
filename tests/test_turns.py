"""Callers take turns."""

import asyncio

import pytest

from app.errors import OverloadedError
from app.turns import Turns, leaves_enough


async def _waiting(turns: Turns, party: str, begun: list[str]) -> "asyncio.Task[None]":
    """A caller who waits in line."""

    async def wait() -> None:
        await turns.take(party)
        begun.append(party)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    return task


async def _settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_callers_alternate_when_one_wants_much() -> None:
    turns, begun = Turns(1), list[str]()
    await turns.take("busy")
    for party in ("busy", "busy", "busy", "calm", "calm"):
        await _waiting(turns, party, begun)
    for holder in ("busy", "busy", "calm", "busy", "calm", "busy"):
        turns.give_back(holder)
        await _settle()
    assert begun == ["busy", "calm", "busy", "calm", "busy"]
    await turns.take("anybody")  # nothing was lost


async def test_place_goes_to_the_next_when_who_waits_is_cancelled() -> None:
    turns, begun = Turns(1), list[str]()
    await turns.take("a")
    waiting = [await _waiting(turns, party, begun) for party in ("a", "b", "b", "c")]
    waiting[0].cancel()
    await _settle()
    turns.give_back("a")  # b's turn, who is cancelled in the same moment
    waiting[1].cancel()
    await _settle()
    assert begun == ["c"]
    turns.give_back("c")
    await _settle()
    assert begun == ["c", "b"]


async def test_newcomer_begins_at_once_when_others_hold_all_places() -> None:
    turns, begun = Turns(2, spare=1), list[str]()
    for party in ("busy", "busy"):
        await turns.take(party)
    await _waiting(turns, "busy", begun)
    for party in ("new", "new", "third"):
        await _waiting(turns, party, begun)
    assert begun == ["new"]
    turns.give_back("new")
    await _settle()
    assert begun in (["new", "new"], ["new", "third"])  # the spare place, not busy's


async def test_one_more_is_refused_when_too_many_of_a_party_wait() -> None:
    turns, begun = Turns(1, most_waiting=2), list[str]()
    await turns.take("flood")
    for _ in range(2):
        await _waiting(turns, "flood", begun)
    with pytest.raises(OverloadedError):
        await turns.take("flood")
    await _waiting(turns, "calm", begun)
    turns.give_back("flood")
    turns.give_back("flood")
    await _settle()
    assert begun == ["flood", "calm"]


async def test_everybody_is_sent_away_when_it_closes() -> None:
    turns = Turns(1)
    await turns.take("a")
    waiting = await _waiting(turns, "b", [])
    turns.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    turns.give_back("a")
    await turns.take("c")


def test_next_party_finds_room_however_many_are_greedy() -> None:
    held = {"lone": 50}
    assert leaves_enough(50, 50, 100)
    assert not leaves_enough(51, 51, 100)
    for number in range(5):
        own = max(n for n in range(100) if leaves_enough(n, sum(held.values()) + n, 100))
        assert own > 0
        held[str(number)] = own
    assert sum(held.values()) < 100
