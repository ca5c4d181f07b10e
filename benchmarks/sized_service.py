"""What the service answers by its templates for small probes and by thresholds that follow probes.

`python -m benchmarks.sized_service --people DIR [--strangers DIR]`: aligned crops, a folder each
(decisions 0040 and 0041). Three photos of each person but every fourth are registered over HTTP;
three others of everybody are sent shrunk. Prints how many were named rightly, how many of all were
named as somebody else, and how often the first candidate was right; and how many photos of the
strangers were named.
"""

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from app.vision.image import decode_image
from app.vision.png import encode_png
from app.vision.shrinking import shrink
from benchmarks.material import SHARED, show
from demo.service import Address, running_service
from farsight_client import ApiError, Client

_SIZES = (24, 16, 12)
_PHOTOS = 3
_STRANGER = 4
# Longer than the service waits before it looks for templates to be made.
_SETTLED_S = 5.0


def main(
    people: Annotated[Path, typer.Option(help="Aligned crops of people, a folder each.")],
    strangers: Annotated[
        Path | None, typer.Option(help="The same of people who are none of these.")
    ] = None,
    bundle: str = "farsight-xxs",
    detectors: Annotated[
        Path, typer.Option(help="A folder with YuNet; no face is looked for.")
    ] = SHARED / "weights",
    rate: Annotated[float, typer.Option(help="The false-accept rate of the thresholds.")] = 1e-3,
) -> None:
    """A table."""
    photos = {person.name: sorted(person.iterdir()) for person in sorted(people.iterdir())}
    others = [] if strangers is None else sorted(strangers.glob("*/*"))
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "FARSIGHT_HOME": folder,
            "FARSIGHT_BUNDLE": bundle,
            "FARSIGHT_DETECTOR": "yunet",
            "FARSIGHT_DETECTORS": str(detectors.resolve()),
            "FARSIGHT_OFFLINE": "true",
            "FARSIGHT_IDENTIFICATION__FALSE_ACCEPT_RATE": str(rate),
        }
        known: set[str] = set()
        show(
            "| templates | thresholds | face px | named rightly | named wrongly | "
            "first candidate right | strangers named |"
        )
        show("|---|---|---|---|---|---|---|")
        for is_sized, follows in ((False, False), (True, False), (True, True)):
            wanted = {
                "FARSIGHT_IDENTIFICATION__SIZED_TEMPLATES": str(is_sized).lower(),
                "FARSIGHT_IDENTIFICATION__COHORT": str(follows).lower(),
            }
            kinds = ("of sizes" if is_sized else "plain", "follow" if follows else "for all")
            with running_service(settings | wanted, Path(folder) / "log.txt") as address:
                known = known or _register(address, photos)
                time.sleep(_SETTLED_S)
                for size in _SIZES:
                    cells = (*kinds, str(size), *_identify(address, photos, known, size))
                    named = _named(address, others, size)
                    show("| " + " | ".join((*cells, f"{named}/{len(others)}")) + " |")


def _register(address: Address, photos: dict[str, list[Path]]) -> set[str]:
    """Who is known; a photo may be refused, and a person with fewer than three."""
    known = set()
    with Client(address.url, address.key) as client:
        for number, (name, paths) in enumerate(photos.items()):
            if number % _STRANGER == 0:
                continue
            try:
                client.register(
                    name,
                    [path.read_bytes() for path in paths[:_PHOTOS]],
                    allow_duplicate=True,
                    detect=False,
                )
                known.add(name)
            except ApiError:
                pass  # too blurry, or an outlier
    return known


def _named(address: Address, photos: list[Path], size: int) -> int:
    """How many photos of strangers are somebody's."""
    with Client(address.url, address.key) as client:
        return sum(
            client.identify([_shrunk(path, size)], detect=False).faces[0].user_id is not None
            for path in photos
        )


def _shrunk(path: Path, size: int) -> bytes:
    return encode_png(shrink(decode_image(path.read_bytes()), size))


def _identify(
    address: Address, photos: dict[str, list[Path]], known: set[str], size: int
) -> tuple[str, str, str]:
    right, wrong, first, of_known, of_all = 0, 0, 0, 0, 0
    with Client(address.url, address.key) as client:
        for name, paths in photos.items():
            for path in paths[_PHOTOS : 2 * _PHOTOS]:
                probe = _shrunk(path, size)
                (face,) = client.identify([probe], detect=False, top_k=1).faces
                of_all += 1
                of_known += name in known
                right += face.user_id == name
                wrong += face.user_id not in (None, name)
                first += face.candidates[0].user_id == name
    return f"{right}/{of_known}", f"{wrong}/{of_all}", f"{first}/{of_known}"


if __name__ == "__main__":
    typer.run(main)
