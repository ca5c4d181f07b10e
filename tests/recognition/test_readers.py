"""The threads that read photos, when they fail, wait or are left."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from app.recognition.readers import Readers


@pytest.fixture
async def readers() -> AsyncIterator[Readers]:
    """Two threads."""
    readers = Readers(2)
    yield readers
    readers.close()


async def test_as_many_are_read_at_once_as_there_are_threads(readers: Readers) -> None:
    together = threading.Barrier(2)
    async with asyncio.timeout(60):
        await asyncio.gather(*(readers.run(together.wait) for _ in range(2)))


async def test_next_one_is_read_when_one_fails(readers: Readers) -> None:
    def fail() -> None:
        raise RuntimeError("the detector has failed")

    for _ in range(3):
        with pytest.raises(RuntimeError, match="the detector has failed"):
            await readers.run(fail)
    assert await readers.run(lambda: "read") == "read"
    assert readers.trouble(limit_s=0) is None


async def test_waiting_one_is_never_read_when_its_caller_is_cancelled(readers: Readers) -> None:
    gate, read = threading.Event(), list[str]()
    busy = [asyncio.create_task(readers.run(lambda: gate.wait(60))) for _ in range(2)]
    await asyncio.sleep(0)
    leaving = asyncio.create_task(readers.run(lambda: read.append("leaving")))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    gate.set()
    assert await asyncio.gather(*busy) == [True, True]
    await readers.run(lambda: read.append("staying"))
    assert read == ["staying"]


async def test_it_shows_when_a_photo_lasts_too_long(readers: Readers) -> None:
    gate, begun = threading.Event(), threading.Event()

    def wait() -> bool:
        begun.set()
        return gate.wait(60)

    slow = asyncio.create_task(readers.run(wait))
    assert await asyncio.to_thread(begun.wait, 60)
    assert readers.trouble(limit_s=60) is None
    assert readers.trouble(limit_s=0) is not None
    gate.set()
    assert await slow
    assert readers.trouble(limit_s=0) is None


async def test_close_returns_when_one_is_being_read_and_another_waits() -> None:
    readers, gate, begun = Readers(1), threading.Event(), threading.Event()

    def wait() -> bool:
        begun.set()
        return gate.wait(60)

    first = asyncio.create_task(readers.run(wait))
    assert await asyncio.to_thread(begun.wait, 60)
    second = asyncio.create_task(readers.run(lambda: True))
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(readers.close))
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await closing
    assert await first
