"""Four cameras at once: `python -m benchmarks.cameras --seconds 120`.

Four RTSP servers in another process play simulated people in 1280x720, 5 frames a second;
`farsight watch`'s own code looks at all frames with the local networks. Prints frames seen and
dropped, the time from a frame's arrival to its events, and the memory of the watching process
after each minute, or each quarter of a shorter run. Memory includes the frames that were played.
"""

import asyncio
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from app.commands.watching.camera_watch import CameraWatch
from app.commands.watching.config import Camera, WatchConfig
from app.commands.watching.outputs import Lines
from app.commands.watching.source import Source
from app.graph import open_graph
from app.recognition.recognizer import open_recognizer
from app.services.watching import WatchWishes
from app.settings import Settings
from benchmarks.material import show
from demo.samples import SMALL_FACES, fetch_samples
from tests.rtsp_server import RtspServer
from tests.sample_people import portraits
from tests.simulated_video import Visit, cut_out, frames

CAMERAS = 4
FPS = 5
SECONDS_OF_SCENE = 12.0


def main(
    seconds: Annotated[float, typer.Option(help="How long.")] = 600,
    motion: Annotated[bool, typer.Option(help="As for farsight watch.")] = True,
) -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FARSIGHT_DATABASE__URL"] = f"sqlite+aiosqlite:///{folder}/farsight.db"
        pictures = _scene()
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(theirs, pictures), daemon=True
        )
        server.start()
        try:
            asyncio.run(_watch(ours.recv(), seconds, motion=motion))
        finally:
            server.kill()


def _scene() -> list[np.ndarray]:
    (subset,) = fetch_samples(packages=[SMALL_FACES]).values()
    people = portraits(fetch_samples(), subset)
    recognizer = open_recognizer(Settings.read())
    faces = {
        name: [of for photo in people[name][:3] if (of := cut_out(recognizer, photo))]
        for name in ("anna", "bert")
    }
    visits = [
        Visit("anna", faces["anna"], 16, [(0, 40, 120), (5, 600, 126)]),
        Visit("bert", faces["bert"], 16, [(1, 600, 220), (6, 40, 216)]),
    ]
    size = (1280, 720)
    return [
        np.asarray(cv2.resize(of, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        for of in frames(visits, SECONDS_OF_SCENE, seed=0)
    ]


def _serve(connection: Connection, pictures: list[np.ndarray]) -> None:
    servers = [RtspServer(pictures, FPS) for _ in range(CAMERAS)]
    connection.send([server.url for server in servers])
    while True:
        time.sleep(60)


async def _watch(urls: list[str], seconds: float, *, motion: bool) -> None:
    config = WatchConfig(fps=FPS, motion=motion)
    lines: list[str] = []
    async with open_graph(Settings.read()) as graph:
        watches = [
            CameraWatch(
                Camera(source=url),
                config,
                graph.watching.open(WatchWishes()),
                [Lines(lines.append)],
                None,
                Source(url, FPS),
            )
            for url in urls
        ]
        tasks = [asyncio.create_task(watch.run()) for watch in watches]
        steps = max(4, round(seconds / 60))
        for step in range(steps):
            await asyncio.sleep(seconds / steps)
            counts = [watch.source.counts for watch in watches]
            late = np.array([of for watch in watches for of in watch.latencies_s] or [np.nan])
            show(
                f"{(step + 1) * seconds / steps:6.0f} s: "
                f"seen {sum(of.seen for of in counts)}, "
                f"dropped {sum(of.dropped for of in counts)}, "
                f"streams lost {sum(of.lost for of in counts)}, events {len(lines)}; "
                f"frame to event p50 {np.median(late):.2f} s, p95 {np.quantile(late, 0.95):.2f} s; "
                f"memory {_resident_mb():.0f} MB"
            )
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


if __name__ == "__main__":
    typer.run(main)
