"""Requests per second, and how long they wait: `python -m benchmarks.requests --help`.

Everything compared takes turns within one run, so that whatever slows down the machine slows down
both. The services share all cores of the machine with the process that asks.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Annotated

import numpy as np
import typer

from benchmarks.detection import enrol
from benchmarks.load import (
    OK,
    Heard,
    Load,
    ask_in_turn,
    connected,
    endpoint_of,
    request_bytes,
    running_beside,
)
from benchmarks.options import BaseOption, DetectorOption, OutOption
from benchmarks.results import Figures, Results, Rounds, Row, Share
from benchmarks.scenes import WHOLE, as_jpeg, make_scene
from benchmarks.service import Service, checkouts, serving
from benchmarks.subjects import Subject, read_subjects

_VGA = (640, 480)
_FACES_PX = {"one 24-px face": 24, "one large face": 200}
_CONNECTIONS = (1, 4, 16, 64)
_PHOTOS = 12
_WARM_UP = 1 / 4
_ALONE = 30

Photos = dict[str, list[bytes]]


def make_photos(subjects: Sequence[Subject]) -> Photos:
    """Of 640x480, by what they show."""
    plain = [subject for subject in subjects if subject.is_plain and subject.has_around(WHOLE)]
    return {
        name: [
            as_jpeg(make_scene(seed, _VGA, [subject], face_px, 1, big=False).pixels)
            for seed, subject in enumerate(plain[:_PHOTOS])
        ]
        for name, face_px in _FACES_PX.items()
    }


def identify_requests(service: Service, photos: Sequence[bytes]) -> list[bytes]:
    """As they go over the wire."""
    return [request_bytes(service.url, service.key, "/v1/identify", photo) for photo in photos]


def measure_throughput(
    services: Sequence[Service],
    photos: Photos,
    numbers: Sequence[int],
    rounds: int,
    seconds: float,
) -> list[Row]:
    """Requests per second at several numbers of connections."""
    rows = []
    for name, shown in photos.items():
        for connections in numbers:
            found: dict[str, list[Load]] = {service.name: [] for service in services}
            for _ in range(rounds):
                for service in services:
                    call = partial(
                        ask_in_turn,
                        endpoint_of(service.url),
                        identify_requests(service, shown),
                        connections,
                        seconds,
                    )
                    with running_beside(call) as beside:
                        found[service.name].append(beside.result())
            rates = {name: [rate(load) for load in loads] for name, loads in found.items()}
            rows.append(
                Row(
                    f"{name}, {connections} connection{'s' if connections > 1 else ''}",
                    {
                        service.name: {
                            **of_loads(found[service.name], rates[service.name]),
                            **times_base(rates, service.name),
                        }
                        for service in services
                    },
                )
            )
    return rows


def rate(load: Load) -> float:
    """Answers per second, after a warm-up and until no more requests begin."""
    first = min(heard.began_s for heard in load.heard)
    last = max(heard.began_s for heard in load.heard)
    from_s = first + (last - first) * _WARM_UP
    ended = [heard.ended_s for heard in load.heard if from_s < heard.ended_s <= last]
    return len(ended) / (last - from_s)


def of_loads(loads: Sequence[Load], rates: list[float]) -> dict[str, Share | Rounds | float | int]:
    """The result of several rounds of the same load."""
    heard = [one for load in loads for one in load.heard]
    p50, p99 = percentiles_ms(heard)
    return {
        "requests/s": Rounds(rates),
        "p50, ms": p50,
        "p99, ms": p99,
        "p99 / p50": p99 / p50,
        "answered 503 first": sum(one.refused for one in heard),
        "failed": sum(one.status != OK for one in heard),
        "asking, CPU ms": sum(load.cpu_s for load in loads) / len(heard) * 1000,
    }


def times_base(rates: dict[str, list[float]], name: str) -> dict[str, Rounds]:
    """How many times as fast as the commit to compare with, round by round."""
    (first, *_) = rates
    if name == first:
        return {}
    return {
        f"times {first}": Rounds(
            [here / base for here, base in zip(rates[name], rates[first], strict=True)]
        )
    }


def percentiles_ms(heard: Sequence[Heard]) -> tuple[float, float]:
    """Median and 99th percentile of the time from the first attempt to the answer."""
    times = [(one.ended_s - one.began_s) * 1000 for one in heard]
    p50, p99 = np.percentile(times, [50, 99])
    return float(p50), float(p99)


def measure_alone(service: Service, photos: Sequence[bytes]) -> Figures:
    """A lone request over HTTP against the sum of its stages, as the answer reports them."""
    return asyncio.run(_measure_alone(service, photos))


async def _measure_alone(service: Service, photos: Sequence[bytes]) -> Figures:
    requests = identify_requests(service, photos)
    whole, stages = [], []
    async with connected(endpoint_of(service.url)) as connection:
        for number in range(-len(requests), _ALONE):
            began = time.perf_counter()
            answer = await connection.send(requests[number % len(requests)])
            ended = time.perf_counter()
            if number >= 0:
                whole.append((ended - began) * 1000)
                stages.append(sum(answer.json()["timings_ms"].values()))
    ratios = np.array(whole) / stages
    return {
        "over HTTP, ms": float(np.median(whole)),
        "sum of stages, ms": float(np.median(stages)),
        "ratio, median": float(np.median(ratios)),
    }


def measure(
    detector: DetectorOption = "yunet",
    base: BaseOption = None,
    rounds: Annotated[int, typer.Option(help="Of each load, in turns.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="Duration of a load.", min=1)] = 12.0,
    only: Annotated[
        list[int] | None, typer.Option(help="Only with so many connections; repeatable.")
    ] = None,
    out: OutOption = None,
) -> None:
    """Measure throughput and latency."""
    subjects = read_subjects()
    photos = make_photos(subjects)
    results = Results(out, f"requests-{detector}")
    with ExitStack() as stack:
        services = [
            stack.enter_context(serving(checkout, detector)) for checkout in checkouts(base)
        ]
        for service in services:
            enrol(service, subjects)
        alone = [
            Row(name, {service.name: measure_alone(service, of) for service in services})
            for name, of in photos.items()
        ]
        results.add(f"A lone request over HTTP against the sum of its stages ({detector})", alone)
        loads = measure_throughput(services, photos, only or _CONNECTIONS, rounds, seconds)
        results.add(f"Photos of 640x480 ({detector})", loads)


if __name__ == "__main__":
    typer.run(measure)
