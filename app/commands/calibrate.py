"""`farsight calibrate`: what the enrolled people say about thresholds."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.commands.calibration_plot import require_matplotlib, write_plot
from app.db.crop_keys import read_crop_keys
from app.db.migration import open_sessions
from app.progress import counted
from app.recognition.inference import set_library_threads
from app.recognition.serving import Serving
from app.services.activation import Activation
from app.services.calibration import Calibration, SizeAdvice
from app.services.calibration import calibrate as compare_enrolled
from app.settings import Settings


def calibrate(
    false_accept_rate: Annotated[
        float,
        typer.Option(
            help="Wanted share of comparisons with somebody else's template that are accepted.",
            min=1e-6,
            max=0.1,
        ),
    ] = 1e-3,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the similarities and the thresholds (PNG).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Propose thresholds from the enrolled people: every photo against all templates.

    Nothing is changed. Nothing is proposed while photos look like another user, or
    where the people are too few for the rate.
    """
    if plot is not None:
        require_matplotlib()
    found, serving = asyncio.run(_calibrate(false_accept_rate))
    if as_json:
        typer.echo(json.dumps(_document(found, false_accept_rate)))
    else:
        _print(found, serving, false_accept_rate)
    if plot is not None and found.sizes:
        write_plot(found, plot)
        typer.echo(f"The plot is in {plot}.", err=True)
    found.require_proposals(false_accept_rate)


async def _calibrate(false_accept_rate: float) -> tuple[Calibration, Serving]:
    settings = Settings.read()
    set_library_threads(settings.threads.torch, settings.threads.opencv)
    crop_keys = read_crop_keys(settings.crop_key_file)
    async with open_sessions(settings.database, crop_keys) as sessions:
        serving = await Activation(settings).start(sessions)
        with counted("Shrunk photos") as advance:
            found = await compare_enrolled(
                sessions,
                serving,
                false_accept_rate=false_accept_rate,
                same_person=settings.registration.duplicate_similarity,
                advance=advance,
            )
    return found, serving


def _document(found: Calibration, rate: float) -> dict[str, object]:
    """`thresholds` is what a bundle's manifest takes; `sizes` is what they rest on."""
    sizes = [
        {
            "min_face_px": size.min_face_px,
            "max_face_px": size.max_face_px,
            "probes": size.probes,
            "users": size.users,
            "smallest_supported": size.smallest_supported,
            "proposal": size.proposal and asdict(size.proposal),
        }
        for size in found.sizes
    ]
    thresholds = [
        {
            "min_face_px": size.min_face_px,
            "max_face_px": size.max_face_px,
            "false_accept_rate": rate,
            "similarity": size.proposal.similarity,
            "template_px": size.template_px,
            "likeness": size.likeness,
        }
        for size in found.sizes
        if size.proposal is not None and size.proposal.supported
    ]
    return {
        "bundle": found.bundle,
        "space": found.space_id,
        "users": found.users,
        "users_in_all": found.users_in_all,
        "photos": found.photos,
        "photos_without_crop": found.photos_without_crop,
        "closest": found.closest and asdict(found.closest),
        "worst_genuine": found.worst_genuine and asdict(found.worst_genuine),
        "mislabelled": [asdict(photo) for photo in found.mislabelled],
        "sizes": sizes,
        "thresholds": thresholds,
    }


def _print(found: Calibration, serving: Serving, rate: float) -> None:
    console = Console()
    some = "" if found.users == found.users_in_all else f" (drawn from {found.users_in_all})"
    console.print(
        f"{found.users} users{some}, {found.photos} photos, bundle {found.bundle}",
        highlight=False,
    )
    if found.closest is not None:
        names, similarity = " and ".join(found.closest.users), found.closest.similarity
        console.print(f"Closest templates of two users: {names}, {similarity:.3f}", markup=False)
    if (worst := found.worst_genuine) is not None:
        told = f"{worst.photo_id} of {worst.user_id}, {worst.similarity:.3f}"
        console.print(f"Photo least like its user's others: {told}", markup=False)
    if found.mislabelled:
        table = Table("photo", "of", "similarity", "looks like", "similarity")
        for photo in found.mislabelled:
            own, other = f"{photo.similarity:.3f}", f"{photo.similarity_to_other:.3f}"
            table.add_row(photo.photo_id, photo.user_id, own, photo.looks_like, other)
        console.print(table)
        return
    _print_sizes(console, found, serving, rate)
    if found.photos_without_crop:
        console.print(
            f"{found.photos_without_crop} photos are stored without crop and cannot be shrunk: "
            "they count at their own size only."
        )


def _print_sizes(console: Console, found: Calibration, serving: Serving, rate: float) -> None:
    table = Table("face_px", "probes", "users", "threshold", "accepted", "true rate", "bundle has")
    table.title = f"Thresholds for a false-accept rate of {rate:g}"
    table.caption = "true rate: 90 % interval, as multiples of the wanted one"
    if any(size.likeness is not None for size in found.sizes):
        table.caption += "; thresholds are for a usual face (decision 0041)"
    for size in found.sizes:
        known = serving.manifest.threshold(size.min_face_px, rate, size.template_px, size.likeness)
        cells = (str(size.probes), str(size.users), *_cells(size))
        table.add_row(_range(size), *cells, "-" if known is None else f"{known:.3f}")
    console.print(table)


def _cells(size: SizeAdvice) -> tuple[str, str, str]:
    proposal = size.proposal
    if proposal is None:
        return "no photos of this size", "-", "-"
    factors = "{:.2g} to {:.2g}".format(*proposal.factors)
    if not proposal.supported:
        least = size.smallest_supported
        return f"too few users; down to {least:g}" if least else "too few users", "-", factors
    accepted = "-" if proposal.accepted is None else f"{100 * proposal.accepted:.1f} %"
    return f"{proposal.similarity:.3f}", accepted, factors


def _range(size: SizeAdvice) -> str:
    if size.max_face_px is None:
        return f"from {size.min_face_px:g}"
    return f"{size.min_face_px:g} to {size.max_face_px:g}"
