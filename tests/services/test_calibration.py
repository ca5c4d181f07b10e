"""Calibration beside a database that changes."""

import asyncio
from itertools import islice

import pytest

from app.graph import open_graph
from app.services.calibration import calibrate
from app.settings import Settings
from app.vision.scaling import Pixels
from tests.databases import execute
from tests.rotated import enrol

pytestmark = pytest.mark.both


async def test_photos_are_left_out_when_they_are_erased_meanwhile(
    settings: Settings, crops: dict[str, list[Pixels]]
) -> None:
    await asyncio.to_thread(enrol, settings, dict(islice(crops.items(), 3)))
    told: list[int] = []

    def advance(done: int, total: int) -> None:
        if not told:  # as another process does, between two sizes
            execute(settings.database, 'DELETE FROM photos WHERE "user" = 1')
        told.append(done)

    async with open_graph(settings) as graph:
        found = await calibrate(
            graph.sessions,
            graph.current.serving,
            false_accept_rate=1e-2,
            same_person=0.9,
            advance=advance,
        )
    probes = [size.probes for size in found.sizes]
    # The last size takes the embeddings that were read in the beginning.
    assert probes == [12, 8, 8, 8, 12]
