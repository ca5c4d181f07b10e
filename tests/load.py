"""Identifies through HTTP without pause, and judges what was answered while bundles changed.

The requests come from a process of their own, so that they share no interpreter with whoever
watches. Times are of `time.monotonic`, which all processes of a Linux machine share.
"""

import asyncio
import itertools
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from time import monotonic

from farsight_client import ApiError, AsyncClient

_TIMEOUT_S = 60.0
_PAUSE_AFTER_FAILURE_S = 0.05
_SAME_SIMILARITY = 1e-4

Faces = tuple[tuple[str | None, float | None], ...]
"""`user_id` and similarity of every face of a photo."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A photo to be identified; `detect=False` where it is a crop."""

    photo: bytes
    detect: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What one request came to.

    Attributes:
        probe: Index of the probe.
        began_s: When it was sent.
        ended_s: When the whole answer was there.
        failure: Why there was no answer of 200; None when there was.
        space: As the answer says.
        faces: Whose they are.
    """

    probe: int
    began_s: float
    ended_s: float
    failure: str | None = None
    space: str = ""
    faces: Faces = ()


class Load:
    """Connections that identify one probe after the other.

    Args:
        url: The service's address.
        key: With the scope `identify`.
        probes: Asked in this order, again and again; see `running_load`.
        connections: Each sends its next request as soon as it has its answer.
    """

    def __init__(self, url: str, key: str, probes: Sequence[Probe], connections: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ended = context.Event()
        self._heard, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_identify_until, args=(self._ended, sender, url, key, probes, connections)
        )
        self._process.start()
        sender.close()

    def end(self) -> list[Heard]:
        """Lets the last requests end; all of them, in the order in which they ended."""
        self._ended.set()
        heard: list[Heard] = self._heard.recv()
        self._process.join()
        return heard

    def kill(self) -> None:
        """Ends it without asking; nothing happens when it has ended."""
        self._process.kill()
        self._process.join()


@contextmanager
def running_load(
    url: str, key: str, probes: Sequence[Probe], connections: int = 8
) -> Iterator[Load]:
    """Identifies until `Load.end`; see Load for the arguments."""
    load = Load(url, key, probes, connections)
    try:
        yield load
    finally:
        load.kill()


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A reload as its caller saw it: from asking for it to being told of its end."""

    asked_s: float
    ended_s: float
    space_before: str
    space_after: str


@dataclass(slots=True)
class Verdict:
    """What was wrong with the answers; all three should be 0.

    Attributes:
        requests: How many there were.
        failed: Answers other than 200, and none at all.
        wrong: Other people or similarities than the same probe had before.
        elsewhere: Answers of a space that did not serve when they were asked for.
        examples: Some of these in words.
    """

    requests: int = 0
    failed: int = 0
    wrong: int = 0
    elsewhere: int = 0
    examples: list[str] = field(default_factory=list)


def judge(
    heard: Sequence[Heard], reloads: Sequence[Reloaded], expected: Sequence[Faces]
) -> Verdict:
    """Holds all answers against those that the same service gave before.

    Args:
        heard: All of a load.
        reloads: In the order of time; all while the load ran.
        expected: By probe; see `ask`.
    """
    verdict = Verdict(requests=len(heard))
    for answer in heard:
        if answer.failure is not None:
            verdict.failed += 1
            verdict.examples.append(answer.failure)
            continue
        if not same_faces(answer.faces, expected[answer.probe]):
            verdict.wrong += 1
            verdict.examples.append(f"{answer.faces} instead of {expected[answer.probe]}")
        if answer.space not in _spaces_at(answer, reloads):
            verdict.elsewhere += 1
            verdict.examples.append(f"{answer.space} answered")
    del verdict.examples[5:]
    return verdict


def same_faces(faces: Faces, expected: Faces) -> bool:
    """Whether two answers name the same people, with the same similarities but for rounding."""
    return len(faces) == len(expected) and all(
        user_id == wanted_id
        and (similarity is None) == (wanted is None)
        and abs((similarity or 0) - (wanted or 0)) <= _SAME_SIMILARITY
        for (user_id, similarity), (wanted_id, wanted) in zip(faces, expected, strict=True)
    )


def _spaces_at(answer: Heard, reloads: Sequence[Reloaded]) -> set[str]:
    """The spaces that may have served when a request took its serving."""
    spaces = {reloads[0].space_before}
    for reload in reloads:
        if reload.ended_s < answer.began_s:
            spaces = {reload.space_after}
        elif reload.asked_s < answer.ended_s:
            spaces.add(reload.space_after)
    return spaces


def ask(url: str, key: str, probes: Sequence[Probe]) -> list[Faces]:
    """Identifies every probe once.

    Raises:
        AssertionError: One was not answered.
    """

    async def ask_each() -> list[Heard]:
        heard: list[Heard] = []
        await _identify_each(url, key, probes, iter(range(len(probes))), heard)
        return heard

    heard = asyncio.run(ask_each())
    assert [answer.failure for answer in heard if answer.failure] == []
    return [answer.faces for answer in heard]


def _identify_until(
    ended: Event, sender: Connection, url: str, key: str, probes: Sequence[Probe], connections: int
) -> None:
    heard: list[Heard] = []
    all_turns = itertools.cycle(range(len(probes)))
    turns = itertools.takewhile(lambda _: not ended.is_set(), all_turns)

    async def identify_on_and_on() -> None:
        await asyncio.gather(
            *(_identify_each(url, key, probes, turns, heard) for _ in range(connections))
        )

    asyncio.run(identify_on_and_on())
    sender.send(heard)


async def _identify_each(
    url: str, key: str, probes: Sequence[Probe], turns: Iterator[int], heard: list[Heard]
) -> None:
    """One connection: the next turn as soon as the answer to the last one is there."""
    # Without patience: an answer of 503 is a failure.
    async with AsyncClient(url, key, timeout_s=_TIMEOUT_S, patience_s=0) as client:
        for index in turns:
            heard.append(await _identify(client, index, probes[index]))
            if heard[-1].failure is not None:
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)


async def _identify(client: AsyncClient, index: int, probe: Probe) -> Heard:
    began = monotonic()
    try:
        found = await client.identify(probe.photo, detect=probe.detect)
    except ApiError as error:
        return Heard(index, began, monotonic(), failure=f"{type(error).__name__}: {error}")
    ended = monotonic()
    faces = tuple((face.user_id, face.similarity) for face in found.faces)
    return Heard(index, began, ended, space=found.space, faces=faces)
