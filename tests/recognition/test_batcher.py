"""The batcher when things go wrong, and how it shares work. The networks are fakes that wait."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import NotReadyError, OverloadedError
from app.recognition.batcher import Batcher
from app.turns import Requester, requester
from app.vision.alignment import Crop
from app.vision.embedder import Embedder, Route

Answer = Callable[[list[int]], NDArray[np.float32]]


def _unit_vectors(numbers: Sequence[int]) -> NDArray[np.float32]:
    return np.eye(512, dtype=np.float32)[list(numbers)]


class FakeNetworks:
    """Answers crop number n with the n-th unit vector, as soon as `gate` is open."""

    def __init__(self) -> None:
        self.max_batch = 16
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.batches: list[list[int]] = []
        self.answer: Answer = _unit_vectors

    def route(self, face_px: float) -> Route:
        return "dsr" if face_px < 64 else "direct"

    def embed(self, crops: Sequence[Crop]) -> tuple[NDArray[np.float32], list[Route]]:
        numbers = [int(crop.pixels[0, 0, 0]) for crop in crops]
        self.batches.append(numbers)
        self.begun.release()
        assert self.gate.wait(timeout=60)
        return self.answer(numbers), [self.route(crop.face_px) for crop in crops]

    async def wait_begun(self) -> None:
        """Until one more batch has begun."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=60)


class Service:
    """A batcher with fake networks."""

    def __init__(self, workers: int, max_waiting: int = 100) -> None:
        self.networks = FakeNetworks()
        self.has_requests = False
        self.batcher = Batcher(workers, max_waiting, lambda: self.has_requests)

    async def embed(
        self, numbers: Sequence[int], *, face_px: float = 112.0, background: bool = False
    ) -> NDArray[np.float32]:
        crops = [Crop(np.full((112, 112, 3), number, np.uint8), face_px) for number in numbers]
        embedder = cast(Embedder, self.networks)
        return await self.batcher.embed(crops, embedder, background=background)

    async def begin(
        self, numbers: Sequence[int], *, face_px: float = 112.0, background: bool = False
    ) -> "asyncio.Task[NDArray[np.float32]]":
        """A caller whose crops are in the queue."""
        task = asyncio.create_task(self.embed(numbers, face_px=face_px, background=background))
        await asyncio.sleep(0)
        return task

    async def occupy(self) -> "asyncio.Task[NDArray[np.float32]]":
        """A caller whose crop, number 0, has a worker busy until the gate opens."""
        task = await self.begin([0])
        await self.networks.wait_begun()
        return task

    def close(self) -> None:
        self.networks.gate.set()
        self.batcher.close()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """One worker."""
    service = Service(workers=1)
    yield service
    service.close()


async def _answers(*callers: "asyncio.Task[NDArray[np.float32]]") -> list[object]:
    async with asyncio.timeout(60):
        return await asyncio.gather(*callers, return_exceptions=True)


def _wait_until_free(batcher: Batcher) -> None:
    """An answer comes a moment before its thread is free."""
    give_up_s = time.monotonic() + 60
    while batcher.trouble(limit_s=0) is not None:
        assert time.monotonic() < give_up_s
        time.sleep(0.001)


def _wait_until_closing(batcher: Batcher) -> None:
    while batcher._refusal is None:
        threading.Event().wait(0.001)


async def test_every_caller_of_a_batch_hears_when_it_fails_and_the_next_batch_works(
    service: Service,
) -> None:
    def fail(numbers: list[int]) -> NDArray[np.float32]:
        if 1 in numbers:
            raise RuntimeError("the network has failed")
        return _unit_vectors(numbers)

    service.networks.answer = fail
    busy = await service.occupy()
    first, second = await service.begin([1]), await service.begin([2])
    service.networks.gate.set()
    answers = await _answers(busy, first, second)
    assert isinstance(answers[0], np.ndarray)
    assert [str(answer) for answer in answers[1:]] == ["the network has failed"] * 2
    assert np.array_equal(await service.embed([3]), _unit_vectors([3]))


async def test_rest_of_a_call_is_never_embedded_when_its_first_batch_fails(
    service: Service,
) -> None:
    def fail(numbers: list[int]) -> NDArray[np.float32]:
        raise RuntimeError("the network has failed")

    service.networks.answer = fail
    service.networks.gate.set()
    with pytest.raises(RuntimeError):
        await service.embed(range(40))
    service.networks.answer = _unit_vectors
    await service.embed([50])
    assert service.networks.batches == [list(range(16)), [50]]


async def test_waiting_crops_are_never_embedded_when_their_caller_is_cancelled(
    service: Service,
) -> None:
    busy = await service.occupy()
    leaving, staying = await service.begin([1, 2]), await service.begin([3, 4])
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    service.networks.gate.set()
    await _answers(busy, staying)
    assert np.array_equal(staying.result(), _unit_vectors([3, 4]))
    assert service.networks.batches == [[0], [3, 4]]


async def test_neighbours_are_answered_when_a_caller_of_a_begun_batch_is_cancelled(
    service: Service,
) -> None:
    busy = await service.occupy()
    leaving, staying = await service.begin([1]), await service.begin([2])
    service.networks.gate.set()
    await service.networks.wait_begun()
    leaving.cancel()
    assert np.array_equal(await staying, _unit_vectors([2]))
    await _answers(busy, leaving)
    assert np.array_equal(await service.embed([3]), _unit_vectors([3]))


async def test_caller_who_is_late_costs_nothing(service: Service) -> None:
    busy = await service.occupy()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await service.embed([1])
    service.networks.gate.set()
    await busy
    assert np.array_equal(await service.embed([2]), _unit_vectors([2]))
    assert service.networks.batches == [[0], [2]]


async def test_caller_is_refused_at_once_when_the_queue_is_full() -> None:
    service = Service(workers=1, max_waiting=3)
    busy = await service.occupy()
    waiting = await service.begin([1, 2])
    with pytest.raises(OverloadedError) as refused:
        await service.embed([3, 4])
    assert refused.value.facts["retry_after_s"] == 1
    last = await service.begin([5])  # there is room for one
    service.networks.gate.set()
    assert not any(isinstance(answer, Exception) for answer in await _answers(busy, waiting, last))
    assert service.networks.batches == [[0], [1, 2], [5]]
    service.close()


@pytest.mark.parametrize(
    "answer",
    [
        lambda numbers: _unit_vectors(numbers)[:-1],
        lambda numbers: _unit_vectors(numbers)[:, :100],
        lambda numbers: 2 * _unit_vectors(numbers),
        lambda numbers: _unit_vectors(numbers) * np.float32("nan"),
    ],
    ids=["too few", "too short", "not of unit length", "no numbers"],
)
async def test_callers_of_a_batch_hear_when_its_answer_is_nonsense(
    service: Service, answer: Answer
) -> None:
    busy = await service.occupy()
    service.networks.answer = answer
    first, second = await service.begin([1]), await service.begin([2])
    service.networks.gate.set()
    answers = await _answers(busy, first, second)
    assert all(isinstance(heard, NotReadyError) for heard in answers)
    service.networks.answer = _unit_vectors
    assert np.array_equal(await service.embed([3]), _unit_vectors([3]))


async def test_what_was_taken_is_embedded_when_the_batcher_closes_and_nothing_else(
    service: Service,
) -> None:
    busy = await service.occupy()
    waiting, behind = await service.begin([1]), await service.begin([2], background=True)
    closing = asyncio.create_task(asyncio.to_thread(service.batcher.close))
    await asyncio.to_thread(_wait_until_closing, service.batcher)
    with pytest.raises(NotReadyError):
        await service.embed([3])
    service.networks.gate.set()
    await closing
    assert not any(isinstance(a, Exception) for a in await _answers(busy, waiting, behind))
    assert service.networks.batches == [[0], [1], [2]]


async def test_everybody_hears_when_a_thread_dies_and_it_shows(service: Service) -> None:
    def die(numbers: list[int]) -> NDArray[np.float32]:
        raise SystemExit

    busy = await service.occupy()
    waiting, behind = await service.begin([1]), await service.begin([2], background=True)
    assert service.batcher.trouble(limit_s=60) is None
    service.networks.answer = die
    service.networks.gate.set()
    answers = await _answers(busy, waiting, behind)
    assert all(isinstance(heard, NotReadyError) for heard in answers)
    with pytest.raises(NotReadyError):
        await service.embed([3])
    assert "died" in str(service.batcher.trouble(limit_s=60))


async def test_it_shows_when_a_batch_lasts_too_long(service: Service) -> None:
    busy = await service.occupy()
    assert service.batcher.trouble(limit_s=60) is None
    assert service.batcher.trouble(limit_s=0) is not None
    service.networks.gate.set()
    await busy
    await asyncio.to_thread(_wait_until_free, service.batcher)


async def test_callers_share_a_batch_when_they_wait_together(service: Service) -> None:
    busy = await service.occupy()
    callers = [await service.begin([number, number + 1]) for number in (1, 3)]
    service.networks.gate.set()
    await _answers(busy, *callers)
    assert service.networks.batches == [[0], [1, 2, 3, 4]]
    assert np.array_equal(callers[1].result(), _unit_vectors([3, 4]))


async def test_batch_has_one_route_when_faces_of_both_wait(service: Service) -> None:
    busy = await service.occupy()
    small, large = await service.begin([1, 2], face_px=20), await service.begin([3, 4])
    also_small = await service.begin([5, 6], face_px=20)
    service.networks.gate.set()
    await _answers(busy, small, large, also_small)
    assert service.networks.batches == [[0], [1, 2, 5, 6], [3, 4]]


async def test_batches_are_of_few_sizes_when_any_number_waits(service: Service) -> None:
    service.networks.gate.set()
    for count in range(1, 41):
        await service.embed(range(count))
    assert {len(batch) for batch in service.networks.batches} == {1, 2, 4, 8, 16}


async def test_faces_of_one_caller_are_spread_when_several_workers_are_free() -> None:
    service = Service(workers=2)
    caller = await service.begin([1, 2, 3, 4])
    await service.networks.wait_begun()
    await service.networks.wait_begun()
    service.close()
    assert np.array_equal(await caller, _unit_vectors([1, 2, 3, 4]))
    assert sorted(service.networks.batches) == [[1, 2], [3, 4]]


async def test_requests_go_first_when_background_waits_too(service: Service) -> None:
    busy = await service.occupy()
    service.has_requests = True
    behind = await service.begin(range(100, 106), background=True)
    caller = await service.begin([1])
    service.networks.gate.set()
    await _answers(busy, behind, caller)
    assert service.networks.batches == [[0], [1], [100, 101, 102, 103], [104, 105]]


async def test_one_worker_is_free_for_requests_when_the_background_has_much_to_do() -> None:
    service = Service(workers=2)
    service.has_requests = True
    behind = await service.begin(range(100, 140), background=True)
    await service.networks.wait_begun()
    caller = await service.begin([1])
    await service.networks.wait_begun()
    assert service.networks.batches == [[100, 101, 102, 103], [1]]
    service.has_requests = False
    service.close()
    await _answers(behind, caller)


async def test_background_has_all_workers_when_there_are_no_requests() -> None:
    service = Service(workers=2)
    behind = await service.begin(range(100, 164), background=True)
    await service.networks.wait_begun()
    await service.networks.wait_begun()
    assert [len(batch) for batch in service.networks.batches] == [16, 16]
    service.close()
    assert np.array_equal(await behind, _unit_vectors(range(100, 164)))


async def test_background_is_served_when_requests_never_stop_waiting(service: Service) -> None:
    service.has_requests = True
    busy = await service.occupy()
    behind = await service.begin([100], background=True)
    callers = [
        await service.begin([number], face_px=20 * (number % 2) + 50) for number in range(40)
    ]
    # Neighbours are of two routes, so that there are many batches.
    service.networks.max_batch = 1
    service.networks.gate.set()
    await _answers(busy, behind, *callers)
    place = service.networks.batches.index([100])
    assert 1 < place < len(service.networks.batches) - 1


async def test_callers_take_turns_when_one_wants_much(service: Service) -> None:
    busy = await service.occupy()
    requester.set(Requester("greedy"))
    greedy = await service.begin(range(1, 65))
    requester.set(Requester("modest"))
    modest = await service.begin([100, 101])
    service.networks.gate.set()
    await _answers(busy, greedy, modest)
    assert {100, 101} <= set(service.networks.batches[1])
    assert np.array_equal(await modest, _unit_vectors([100, 101]))


async def test_others_have_room_when_one_caller_fills_the_queue() -> None:
    service = Service(workers=1, max_waiting=10)
    busy = await service.occupy()
    requester.set(Requester("greedy"))
    greedy = await service.begin(range(1, 11))
    with pytest.raises(OverloadedError):
        await service.embed([20])
    requester.set(Requester("modest"))
    modest = await service.begin([30])
    service.networks.gate.set()
    assert not any(isinstance(each, Exception) for each in await _answers(busy, greedy, modest))
    service.close()
