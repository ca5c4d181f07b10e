"""What the service answers with and without templates for small probes (decision 0040).

`python -m benchmarks.sized_service --people DIR`: aligned crops, a folder each. Three photos of
each person but every fourth are registered over HTTP; three others of everybody are sent shrunk.
Prints how many were named rightly, how many of all were named as somebody else, and how often the
first candidate was right.
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
    bundle: str = "farsight-xxs",
    detectors: Annotated[
        Path, typer.Option(help="A folder with YuNet; no face is looked for.")
    ] = SHARED / "weights",
    rate: Annotated[float, typer.Option(help="The false-accept rate of the thresholds.")] = 1e-3,
) -> None:
    """Both tables."""
    photos = {person.name: sorted(person.iterdir()) for person in sorted(people.iterdir())}
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
        show("| templates | face px | named rightly | named wrongly | first candidate right |")
        show("|---|---|---|---|---|")
        for is_sized in (False, True):
            wanted = {"FARSIGHT_IDENTIFICATION__SIZED_TEMPLATES": str(is_sized).lower()}
            with running_service(settings | wanted, Path(folder) / "log.txt") as address:
                known = known or _register(address, photos)
                time.sleep(_SETTLED_S)
                for size in _SIZES:
                    counts = _identify(address, photos, known, size)
                    show(f"| {'of sizes' if is_sized else 'plain'} | {size} | {counts}")


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


def _identify(address: Address, photos: dict[str, list[Path]], known: set[str], size: int) -> str:
    right, wrong, first, of_known, of_all = 0, 0, 0, 0, 0
    with Client(address.url, address.key) as client:
        for name, paths in photos.items():
            for path in paths[_PHOTOS : 2 * _PHOTOS]:
                probe = encode_png(shrink(decode_image(path.read_bytes()), size))
                (face,) = client.identify([probe], detect=False, top_k=1).faces
                of_all += 1
                of_known += name in known
                right += face.user_id == name
                wrong += face.user_id not in (None, name)
                first += face.candidates[0].user_id == name
    return f"{right}/{of_known} | {wrong}/{of_all} | {first}/{of_known} |"


if __name__ == "__main__":
    typer.run(main)
