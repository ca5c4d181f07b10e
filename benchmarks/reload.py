"""Measures reloads of a real service under load: `python -m benchmarks.reload --help`.

Each bundle recognises the same faces in its own space, which is
turned against the others', so any mixing of two of them shows in the answers. Three take
turns, because the embeddings of the former bundle are kept: with two, only the first reload would
embed anybody.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from app.setting_groups import DatabaseSettings, ThreadSettings
from app.settings import Settings
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from benchmarks.reload_kills import measure_kills
from benchmarks.reload_material import (
    SHARED,
    Enrolled,
    Service,
    create_key,
    find_people,
    make_store,
    probes_of,
    started,
)
from farsight_client import Client
from tests.load import Heard, Reloaded, ask, judge, running_load
from tests.rotated import enrol

_LOOK_EVERY_S = 0.25
_SETTLE_S = 3.0
_BATCHES = (4, 8, 16, 32, 64)
_BARE_CROPS = 512

Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Round:
    """One reload, as it was seen from outside.

    Attributes:
        bundle: The bundle that began to serve.
        reloaded: When, and from which space to which.
        steps: When each step was first seen, and last.
        photos: How many were embedded.
        per_s: How many a second meanwhile.
        rss_mib: The service's resident memory a moment after.
    """

    bundle: str
    reloaded: Reloaded
    steps: dict[str, tuple[float, float]]
    photos: int
    per_s: float
    rss_mib: float


def reload_once(service: Service, bundle: str) -> Round:
    """Reloads and watches.

    Raises:
        RuntimeError: The job failed.
    """
    seen: dict[str, float] = {}
    with Client(service.url, service.key) as client:
        before = client.version().space
        assert before is not None
        asked = time.monotonic()
        job = client.reload(bundle)
        while job.state == "running":
            time.sleep(_LOOK_EVERY_S)
            job = client.job(job.id)
            seen.setdefault(job.step, time.monotonic())
        ended = time.monotonic()
        if job.state != "succeeded" or job.rate_per_s is None:
            raise RuntimeError(f"the reload failed: {job.error}")
    typer.echo(f"{job.done} photos to {bundle} in {ended - asked:.1f} s", err=True)
    ends = [*list(seen.values())[1:], ended]
    time.sleep(_SETTLE_S)
    return Round(
        bundle=bundle,
        reloaded=Reloaded(asked, ended, before, job.space),
        steps={name: (began, end) for (name, began), end in zip(seen.items(), ends, strict=True)},
        photos=job.done,
        per_s=job.rate_per_s,
        rss_mib=_resident_mib(service.process.process.pid),
    )


def measure_under_load(
    service: Service, enrolled: Enrolled, names: Sequence[str], calm_s: float, connections: int
) -> tuple[list[Round], dict[str, object]]:
    """Under load: nothing fails, nothing is wrong, nobody waits much longer.

    Args:
        service: Serves.
        enrolled: Its probes are asked.
        names: The bundles in turn.
        calm_s: Between reloads, to compare with.
        connections: Of the load.
    """
    expected = ask(service.url, service.key, enrolled.probes)
    rounds, calm = [], []
    with running_load(service.url, service.key, enrolled.probes, connections) as load:
        time.sleep(2 * _SETTLE_S)
        for name in names:
            began = time.monotonic()
            time.sleep(calm_s)
            calm.append((began, time.monotonic()))
            rounds.append(reload_once(service, name))
        heard = load.end()
    verdict = judge(heard, [round_.reloaded for round_ in rounds], expected)
    embedding = [round_.steps["re_embed"] for round_ in rounds]
    spans = {
        "calm": _latencies_ms(heard, calm),
        "re-embedding": _latencies_ms(heard, embedding),
        "other steps": _latencies_ms(heard, [_span_before(round_) for round_ in rounds]),
    }
    ratios = [
        _p99(_latencies_ms(heard, [during])) / _p99(_latencies_ms(heard, [before]))
        for during, before in zip(embedding, calm, strict=True)
    ]
    typer.echo(
        f"{verdict.requests} requests over {connections} connections: {verdict.failed} failed, "
        f"{verdict.wrong} wrong, {verdict.elsewhere} of another space {verdict.examples or ''}"
    )
    typer.echo("| latency, ms | requests | per s | median | p95 | p99 | longest |")
    for name, times in spans.items():
        p50, p95, p99, longest = np.percentile(times, [50, 95, 99, 100])
        lasted = {"calm": calm, "re-embedding": embedding}.get(name)
        rate = len(times) / sum(end - began for began, end in lasted) if lasted else float("nan")
        typer.echo(
            f"| {name} | {len(times)} | {rate:.1f} | {p50:.0f} | {p95:.0f} | {p99:.0f} "
            f"| {longest:.0f} |"
        )
    overall = _p99(spans["re-embedding"]) / _p99(spans["calm"])
    typer.echo(f"p99 while re-embedding / p99 before: {overall:.2f}; by round {_spread(ratios)}")
    return rounds, {
        **asdict(verdict),
        "p99_ratio": overall,
        "p99_ratios": ratios,
        "latency_ms": {
            name: list(np.percentile(times, [50, 95, 99, 100])) for name, times in spans.items()
        },
    }


def measure_alone(
    service: Service, crops: Sequence[Crop], store: Path, names: Sequence[str]
) -> tuple[list[Round], dict[str, object]]:
    """Without load: re-embedding against the bare network."""
    rounds, ratios, bare = [], [], []
    embedder = Embedder(load_bundle(store / names[0]), "cpu")
    for name in names:
        rounds.append(reload_once(service, name))
        bare.append(bare_per_s(embedder, crops[:_BARE_CROPS]))
        ratios.append(rounds[-1].per_s / max(bare[-1].values()))
    typer.echo(f"alone: {_spread([round_.per_s for round_ in rounds])} photos per second")
    for size in _BATCHES:
        typer.echo(f"bare network, batches of {size}: {_spread([b[size] for b in bare])}")
    typer.echo(f"re-embedding / bare network at its best: {_spread(ratios)}")
    return rounds, {"throughput_ratios": ratios, "bare_per_s": bare}


def bare_per_s(embedder: Embedder, crops: Sequence[Crop]) -> dict[int, float]:
    """Crops per second by size of batch, with all cores as in the service."""
    rates = {}
    for size in _BATCHES:
        embedder.max_batch = size
        embedder.embed(crops[:size])
        began = time.perf_counter()
        embedder.embed(crops)
        rates[size] = len(crops) / (time.perf_counter() - began)
    return rates


def measure(
    users: Annotated[int, typer.Option(help="People enrolled.", min=10)] = 1000,
    reloads: Annotated[int, typer.Option(help="Under load; 0 for none.", min=0)] = 5,
    alone: Annotated[int, typer.Option(help="Further ones without load.", min=0)] = 5,
    kills: Annotated[int, typer.Option(help="How often to kill a reload.", min=0)] = 0,
    calm_s: Annotated[float, typer.Option(help="Before each reload under load.")] = 15.0,
    connections: Annotated[int, typer.Option(help="Of the load.", min=1)] = 8,
    threads: Annotated[int, typer.Option(help="Of torch.", min=1)] = ThreadSettings().torch,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
) -> None:
    """Measure reloads: answers and latencies under load, throughput, memory, kill -9."""
    figures: dict[str, object] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        names = make_store(folder / "bundles")
        settings = Settings(
            bundles=folder / "bundles",
            bundle=names[0],
            detectors=SHARED / "weights",
            detector="yunet",
            database=DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db"),
            threads=ThreadSettings(torch=threads),
        )
        torch.set_num_threads(threads)
        people = find_people(users)
        enrol(settings, people.enrolled)
        enrolled = Enrolled(people, probes_of(people))
        typer.echo(f"{users} people, {people.photos} photos, {len(enrolled.probes)} probes")
        key = create_key(settings)
        turns = [names[(index + 1) % len(names)] for index in range(reloads + alone)]
        if turns:
            with started(settings, key) as service:
                rounds: list[Round] = []
                if reloads:
                    rounds, figures["under_load"] = measure_under_load(
                        service, enrolled, turns[:reloads], calm_s, connections
                    )
                if alone:
                    crops = [Crop(c, 112.0) for own in people.enrolled.values() for c in own]
                    more, figures["alone"] = measure_alone(
                        service, crops, settings.bundles, turns[reloads:]
                    )
                    rounds += more
            show_rounds(rounds, reloads)
            figures["rounds"] = [asdict(round_) for round_ in rounds]
        if kills:
            figures["kills"] = measure_kills(settings, key, names, enrolled.probes, kills)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def show_rounds(rounds: Sequence[Round], under_load: int) -> None:
    """A line per reload, and what memory did."""
    typer.echo("| reload | to | load | photos | per s | seconds | RSS, MiB |")
    for number, round_ in enumerate(rounds, start=1):
        seconds = round_.reloaded.ended_s - round_.reloaded.asked_s
        typer.echo(
            f"| {number} | {round_.bundle} | {'yes' if number <= under_load else 'no'} "
            f"| {round_.photos} | {round_.per_s:.1f} | {seconds:.1f} | {round_.rss_mib:.0f} |"
        )
    ratio = rounds[-1].rss_mib / rounds[0].rss_mib
    typer.echo(f"memory after the last reload / after the first: {ratio:.3f}")


def _latencies_ms(heard: Sequence[Heard], spans: Sequence[tuple[float, float]]) -> Times:
    """Of requests that began and ended within one of some spans of time."""
    return np.array(
        [
            (answer.ended_s - answer.began_s) * 1000
            for answer in heard
            if any(began <= answer.began_s and answer.ended_s <= end for began, end in spans)
        ]
    )


def _p99(times: Times) -> float:
    return float(np.percentile(times, 99))


def _span_before(round_: Round) -> tuple[float, float]:
    """From asking for a reload until people are embedded."""
    return round_.reloaded.asked_s, round_.steps["re_embed"][0]


def _spread(values: Sequence[float]) -> str:
    return f"median {np.median(values):.2f}, {min(values):.2f} to {max(values):.2f}"


def _resident_mib(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    typer.run(measure)
