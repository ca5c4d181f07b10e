"""`python -m demo`: real people, the real service, faces of 16 to 32 pixels.

Each of the three photos of one man is a probe once, while the other two are registered. Two more
people have one photo each: it is registered, and its shrunk copies are probes. All others are
strangers. Exit code 1: a stranger was named, or a registered person was missed at 24 px or more.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from app.vision.image import Image
from demo.probes import SMALL_PX, Probe, Subject, ask
from demo.rows import Row, make_rows
from demo.samples import SampleError, fetch_samples
from demo.service import ServiceError, running_service
from demo.sheet import draw_sheet
from farsight_client import ApiError, Client

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "weights" / "farsight-xs"
REPORT = ROOT / "demo" / "report.png"

OBAMA = ("obama.jpg", "obama2.jpg", "obama3.jpg")
WITH_ONE_PHOTO = {"biden": "biden.jpg", "collins": "astronaut.png"}
STRANGERS = ("Tom_Hanks_54745.png", "t1.jpg")

console = Console()


def main(
    excerpt: Annotated[
        Path | None, typer.Option(help="Also write the sheet's most instructive rows here.")
    ] = None,
) -> None:
    """Runs the demo."""
    try:
        photos = {name: path.read_bytes() for name, path in fetch_samples().items()}
        with tempfile.TemporaryDirectory(prefix="farsight-demo-") as folder:
            embedder = Embedder(load_bundle(BUNDLE), "cpu")
            console.print(f"Starting the service with bundle [bold]{BUNDLE.name}[/bold] ...")
            log = Path(folder) / "service.log"
            with (
                running_service(_settings(Path(folder)), log) as address,
                Client(address.url, address.key) as client,
            ):
                probes, rows = _tell(client, photos, embedder)
    except (SampleError, ServiceError, ApiError) as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)
    _print_table(probes)
    draw_sheet(rows, BUNDLE.name).save(REPORT)
    console.print(f"Contact sheet: {REPORT.relative_to(ROOT)}")
    if excerpt is not None:
        draw_sheet([rows[0], rows[2], rows[5], rows[8]], BUNDLE.name).quantize(256).save(excerpt)
    sys.exit(0 if _judge(probes) else 1)


def _settings(folder: Path) -> dict[str, str]:
    """Settings for a service that starts empty in `folder`, with the committed bundle."""
    return {
        "FARSIGHT_DATABASE__URL": f"sqlite+aiosqlite:///{folder / 'farsight.db'}",
        "FARSIGHT_DETECTORS": str(ROOT / "data" / "detectors"),
        # Of two people the packages have one photo only; for a real gallery three are the minimum.
        "FARSIGHT_REGISTRATION__MIN_PHOTOS": "1",
        "FARSIGHT_BUNDLES": str(BUNDLE.parent),
        "FARSIGHT_BUNDLE": BUNDLE.name,
    }


def _tell(
    client: Client, photos: Mapping[str, bytes], embedder: Embedder
) -> tuple[list[Probe], list[Row]]:
    """Registers, identifies and erases; returns all questions and answers."""
    crops: dict[str, Image] = {}
    for name in (*OBAMA, *WITH_ONE_PHOTO.values()):
        alone = ask(client, Subject(name, None, ""), photos[name], sizes_px=())[0]
        crops[name] = alone.crop(alone.faces[0]).pixels
    for person, name in WITH_ONE_PHOTO.items():
        client.register(person, [(name, photos[name])])
    probes: list[Probe] = []
    rows: list[Row] = []
    for left_out in OBAMA:
        registered = [name for name in OBAMA if name != left_out]
        client.register("obama", [(name, photos[name]) for name in registered])
        shown = {person: crops[name] for person, name in WITH_ONE_PHOTO.items()}
        shown["obama"] = crops[registered[0]]
        for subject in _subjects(left_out):
            console.print(f"  asking who is in {subject.photo}", style="dim")
            asked = ask(client, subject, photos[subject.photo])
            probes += asked
            rows += make_rows(asked, embedder, shown)
        client.erase_user("obama")
    return probes, rows


def _subjects(left_out: str) -> list[Subject]:
    """The questions while one photo is left out; the others come once, in the last round."""
    subjects = [Subject(left_out, "obama", "photo not registered")]
    if left_out == OBAMA[-1]:
        subjects += [
            Subject(name, person, "registered photo, shrunk")
            for person, name in WITH_ONE_PHOTO.items()
        ]
        subjects += [Subject(name, None, "stranger") for name in STRANGERS]
    return subjects


def _print_table(probes: list[Probe]) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("probe", "truth"):
        table.add_column(heading, no_wrap=True)
    table.add_column("face_px", justify="right")
    table.add_column("route")
    table.add_column("answer")
    for heading in ("similarity", "threshold"):
        table.add_column(heading, justify="right")
    for probe in probes:
        subject = probe.subject
        is_first = probe.size_px is None
        table.add_row(
            Path(subject.photo).stem if is_first else "",
            (subject.person or "stranger") if is_first else "",
            *_facts(probe),
            end_section=probe.size_px == SMALL_PX[-1],
        )
    console.print(table)
    people = " and ".join(WITH_ONE_PHOTO)
    console.print(
        f"Of {people} the same photo is registered, of obama the two others.", style="dim"
    )


def _facts(probe: Probe) -> tuple[str, str, str, str, str]:
    """What the table says of a probe; for several faces, the highest similarity."""
    if not probe.faces:
        return "", "", "[yellow]no face[/yellow]", "", ""
    sizes = sorted(face.face_px for face in probe.faces)
    size = f"{sizes[0]:.0f}" if len(sizes) == 1 else f"{sizes[0]:.0f}-{sizes[-1]:.0f}"
    answer = ", ".join(sorted({face.user_id or "unknown" for face in probe.faces}))
    if len(sizes) > 1:
        answer = f"{len(sizes)} x {answer}"
    if probe.wrong_names:
        answer = f"[bold red]{answer}, wrong[/bold red]"
    elif probe.subject.person and not probe.person_found:
        answer = "[yellow]missed[/yellow]"
    else:
        answer = f"[green]{answer}[/green]"
    closest = max(probe.faces, key=lambda face: face.candidates[0].similarity)
    return (
        size,
        ", ".join(sorted({face.route for face in probe.faces})),
        answer,
        f"{closest.candidates[0].similarity:.2f}",
        f"{closest.threshold:.2f}",
    )


def _judge(probes: list[Probe]) -> bool:
    """Says how many were right; True when nobody was misnamed, nor missed at 24 px or more."""
    of_people = [probe for probe in probes if probe.subject.person]
    large = [probe for probe in of_people if probe.must_be_named]
    small = [probe for probe in of_people if not probe.must_be_named]
    misnamed = sum(probe.wrong_names for probe in probes)
    strangers = sum(len(probe.faces) for probe in probes if not probe.subject.person)
    named_large = sum(probe.person_found for probe in large)
    named_small = sum(probe.person_found for probe in small)
    console.print(
        f"Registered people named: {named_large} of {len(large)} at 24 px and more, "
        f"{named_small} of {len(small)} at 16 px. "
        f"Faces of strangers: {strangers}. Wrong names: {misnamed}."
    )
    return not misnamed and named_large == len(large)


if __name__ == "__main__":
    typer.run(main)
