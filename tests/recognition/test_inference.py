"""Admission when things go wrong. The recogniser is a fake that waits or fails."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import cast

import pytest

from app.errors import CallerGoneError, DeadlineExceededError, NotReadyError, OverloadedError
from app.recognition import inference as inference_module
from app.recognition.inference import Inference
from app.recognition.recognizer import Finding, Recognizer
from app.turns import Requester, requester

_NOBODY = Finding(
    faces=[],
    faces_found=0,
    width_px=1,
    height_px=1,
    rotation_deg=0,
    searched_from_px=16.0,
    timings_ms={},
)


PNG = b"\x89PNG\r\n\x1a\n"


class GatedRecognizer:
    """Answers when `gate` is open, and at once to a PNG; raises for the photo b"bad"."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.read: list[bytes] = []
        self.given_back = threading.Semaphore(0)

    def give_back_memory(self) -> None:
        self.given_back.release()

    def find(self, photo: bytes, **options: object) -> Finding:
        if photo == PNG:
            return _NOBODY
        self.begun.set()
        assert self.gate.wait(timeout=60)
        self.read.append(photo)
        if photo == b"bad":
            raise RuntimeError("the network has failed")
        return _NOBODY


@pytest.fixture
def gated() -> GatedRecognizer:
    return GatedRecognizer()


def _inference(gated: GatedRecognizer, max_requests: int, deadline_s: float = 60) -> Inference:
    return Inference(
        cast(Recognizer, gated),
        readers=1,
        workers=1,
        max_requests=max_requests,
        deadline_s=deadline_s,
    )


@pytest.fixture
async def inference(gated: GatedRecognizer) -> AsyncIterator[Inference]:
    inference = _inference(gated, max_requests=2)
    yield inference
    gated.gate.set()
    inference.close()


async def _request(inference: Inference, photo: bytes) -> Finding:
    async with inference.admit():
        return await inference.find(photo, max_faces=1)


async def _begun(gated: GatedRecognizer) -> None:
    assert await asyncio.to_thread(gated.begun.wait, 60)


async def test_next_request_is_answered_when_the_network_raises(
    inference: Inference, gated: GatedRecognizer
) -> None:
    gated.gate.set()
    with pytest.raises(RuntimeError, match="the network has failed"):
        await _request(inference, b"bad")
    assert await _request(inference, b"good") == _NOBODY


async def test_request_is_refused_when_too_many_wait(
    inference: Inference, gated: GatedRecognizer
) -> None:
    waiting = [asyncio.create_task(_request(inference, b"good")) for _ in range(2)]
    await _begun(gated)
    with pytest.raises(OverloadedError):
        await _request(inference, b"third")
    gated.gate.set()
    assert await asyncio.gather(*waiting) == [_NOBODY, _NOBODY]
    assert await _request(inference, b"later") == _NOBODY
    assert b"third" not in gated.read


async def test_memory_is_given_back_when_nobody_has_asked_for_a_while(
    inference: Inference, gated: GatedRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_module, "_REST_S", 0.2)
    gated.gate.set()
    for _ in range(2):
        assert await _request(inference, b"good") == _NOBODY
    assert await asyncio.to_thread(gated.given_back.acquire, timeout=60)
    gated.gate.clear()
    gated.begun.clear()
    waiting = asyncio.create_task(_request(inference, b"long"))
    await _begun(gated)
    assert not await asyncio.to_thread(gated.given_back.acquire, timeout=0.5)
    gated.gate.set()
    assert await waiting == _NOBODY
    assert await asyncio.to_thread(gated.given_back.acquire, timeout=60)


async def test_no_memory_is_given_back_when_the_service_has_ended(
    gated: GatedRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_module, "_REST_S", 0.2)
    inference = _inference(gated, max_requests=1)
    gated.gate.set()
    assert await _request(inference, b"good") == _NOBODY
    inference.close()
    assert not await asyncio.to_thread(gated.given_back.acquire, timeout=0.5)


async def test_photo_of_known_cost_does_not_wait_when_others_take_long(
    gated: GatedRecognizer,
) -> None:
    inference = _inference(gated, max_requests=9)
    slow = [asyncio.create_task(_request(inference, b"\0\0\0\x18ftypheic")) for _ in range(8)]
    await _begun(gated)
    assert await asyncio.wait_for(_request(inference, PNG), 60) == _NOBODY
    assert not any(task.done() for task in slow)
    gated.gate.set()
    assert await asyncio.gather(*slow) == [_NOBODY] * 8
    inference.close()


async def test_waiting_photo_is_never_read_when_its_caller_is_cancelled(
    inference: Inference, gated: GatedRecognizer
) -> None:
    first = asyncio.create_task(_request(inference, b"first"))
    await _begun(gated)
    second = asyncio.create_task(_request(inference, b"second"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gated.gate.set()
    assert await first == _NOBODY
    assert await _request(inference, b"third") == _NOBODY
    assert gated.read == [b"first", b"third"]


async def test_others_are_answered_when_the_caller_of_a_begun_photo_is_cancelled(
    inference: Inference, gated: GatedRecognizer
) -> None:
    first = asyncio.create_task(_request(inference, b"first"))
    await _begun(gated)
    second = asyncio.create_task(_request(inference, b"second"))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gated.gate.set()
    assert await second == _NOBODY


async def test_request_ends_when_its_time_is_up(gated: GatedRecognizer) -> None:
    inference = _inference(gated, max_requests=1, deadline_s=0.05)
    with pytest.raises(DeadlineExceededError):
        await _request(inference, b"slow")
    assert (
        inference._admitted.total() == 0
    )  # its place is free again, before the photo has been read
    gated.gate.set()
    inference.close()
    assert gated.read == [b"slow"]


async def test_timeout_of_the_caller_stays_one_when_it_comes_before_the_deadline(
    inference: Inference, gated: GatedRecognizer
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await _request(inference, b"slow")


def _require_life_for_long(inference: Inference) -> None:
    for _ in range(60_000):
        inference.require_life()
        threading.Event().wait(0.001)


async def test_slow_photo_shows_when_it_is_read_for_longer_than_a_request_may_take(
    gated: GatedRecognizer,
) -> None:
    inference = _inference(gated, max_requests=1, deadline_s=0.05)
    with pytest.raises(DeadlineExceededError):
        await _request(inference, b"slow")
    # It began a moment after its request was admitted.
    with pytest.raises(NotReadyError):
        await asyncio.to_thread(_require_life_for_long, inference)
    gated.gate.set()
    inference.close()
    inference.require_life()


async def test_place_is_free_again_when_its_caller_has_gone(gated: GatedRecognizer) -> None:
    inference = _inference(gated, max_requests=2)
    callers = [Requester("key"), Requester("key")]
    requests = []
    for caller, photo in zip(callers, (b"first", b"second"), strict=True):
        requester.set(caller)
        requests.append(asyncio.create_task(_request(inference, photo)))
    await _begun(gated)
    for caller in callers:
        caller.leave()
    gone = await asyncio.gather(*requests, return_exceptions=True)
    assert [type(error) for error in gone] == [CallerGoneError] * 2
    assert inference._admitted.total() == 0
    gated.gate.set()
    requester.set(Requester("key"))
    assert await _request(inference, b"third") == _NOBODY
    assert gated.read == [b"first", b"third"]
    inference.close()


async def test_others_are_admitted_when_one_caller_has_as_many_as_allowed(
    inference: Inference, gated: GatedRecognizer
) -> None:
    requester.set(Requester("busy"))
    busy = [asyncio.create_task(_request(inference, b"good")) for _ in range(2)]
    await _begun(gated)
    with pytest.raises(OverloadedError):
        await _request(inference, b"third")
    requester.set(Requester("calm"))
    calm = asyncio.create_task(_request(inference, b"calm"))
    gated.gate.set()
    assert await asyncio.gather(calm, *busy) == [_NOBODY] * 3


async def test_photo_is_never_begun_when_its_caller_has_gone_before(
    inference: Inference, gated: GatedRecognizer
) -> None:
    caller = Requester("somebody")
    caller.leave()
    requester.set(caller)
    with pytest.raises(CallerGoneError):
        await _request(inference, b"photo")
    assert not gated.begun.is_set()
