"""People, probes and bundles for measuring reloads."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.settings import Settings
from app.vision.image import decode_image
from app.vision.png import encode_png
from app.vision.scaling import Pixels
from app.vision.shrinking import shrink
from demo.service import run_command
from tests.load import Probe
from tests.rotated import rotate_bundle
from tests.service_process import ServiceProcess, environment, serving

SHARED = Path(os.environ.get("FARSIGHT_SHARED", "../shared"))

_SCOPES = ("identify", "admin")
_SHIPPED = Path("weights/farsight-xxs")
_FEWEST_PHOTOS = 3
_STRANGERS = 100
_WHOLE_PHOTOS_EACH = 2
_SMALL_PX = 24
_ONE_SMALL_IN = 4


@dataclass(frozen=True, slots=True)
class People:
    """Aligned crops, (112, 112, 3) uint8 RGB.

    Attributes:
        enrolled: By person; all photos but the last one.
        last: That one.
        strangers: Of people who are not enrolled.
    """

    enrolled: dict[str, list[Pixels]]
    last: list[Pixels]
    strangers: list[Pixels]

    @property
    def photos(self) -> int:
        """How many are enrolled."""
        return sum(len(own) for own in self.enrolled.values())


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who is enrolled, and what to ask."""

    people: People
    probes: list[Probe]


@dataclass(frozen=True, slots=True)
class Service:
    """A running service and a key for it."""

    url: str
    key: str
    process: ServiceProcess


def make_store(store: Path) -> list[str]:
    """A store of three bundles that know the same faces in three spaces; their names."""
    shutil.copytree(_SHIPPED, store / _SHIPPED.name)
    turned = ("turned-1", "turned-2")
    for seed, name in enumerate(turned, start=1):
        rotate_bundle(store / _SHIPPED.name, name, seed)
    return [_SHIPPED.name, *turned]


def find_people(users: int) -> People:
    """The first people who have three photos, and strangers from among those who have two."""
    people = People({}, [], [])
    for folder in sorted((SHARED / "faces" / "train_small").iterdir()):
        files = sorted(folder.glob("*.jpg"))
        if len(files) >= _FEWEST_PHOTOS and len(people.enrolled) < users:
            *people.enrolled[folder.name], last = [decode_image(f.read_bytes()) for f in files]
            people.last.append(last)
        elif len(files) < _FEWEST_PHOTOS and len(people.strangers) < _STRANGERS:
            people.strangers.append(decode_image(files[0].read_bytes()))
    assert len(people.enrolled) == users, f"only {len(people.enrolled)} people have 3 photos"
    return people


def probes_of(people: People) -> list[Probe]:
    """Crops of people enrolled and of strangers, some so small that DSR sees them; whole photos."""
    crops = [*people.last, *people.strangers]
    probes = [
        Probe(
            encode_png(shrink(crop, _SMALL_PX) if index % _ONE_SMALL_IN == 0 else crop),
            detect=False,
        )
        for index, crop in enumerate(crops)
    ]
    for folder in sorted((SHARED / "photos").iterdir()):
        files = sorted(folder.glob("*.jpg"))[:_WHOLE_PHOTOS_EACH]
        probes += [Probe(file.read_bytes(), detect=True) for file in files]
    order = np.random.default_rng(0).permutation(len(probes))
    return [probes[index] for index in order]


def create_key(settings: Settings) -> str:
    """A key for everything that is measured."""
    asked = [word for scope in _SCOPES for word in ("--scope", scope)]
    return run_command("keys", "create", *asked, settings=environment(settings))


@contextmanager
def started(settings: Settings, key: str) -> Iterator[Service]:
    """Starts a service on some rows, and ends it if it still runs."""
    threads = str(settings.threads.torch)
    folder = database_file(settings).parent
    with serving(settings, folder, FARSIGHT_THREADS__TORCH=threads) as process:
        yield Service(process.url, key, process)


def database_file(settings: Settings) -> Path:
    """Where the rows are."""
    return Path(settings.database.url.partition(":///")[2])
