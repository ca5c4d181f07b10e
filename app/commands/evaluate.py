"""`farsight evaluate`: how well weights tell the people in a folder apart."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.errors import EvaluationError
from app.evaluation.comparison import FEW_PAIRS
from app.evaluation.person_figures import PersonFigures, person_figures
from app.evaluation.photo_sets import PersonPhoto, read_people
from app.evaluation.pooled import Pooling
from app.evaluation.probes import DEGRADE_HELP, Degrade, make_viewer
from app.evaluation.protocols import Contestant, Evaluation, SizeResult, evaluate_people
from app.evaluation.sizes import USUAL_SIZES, Size, format_sizes, parse_sizes
from app.evaluation.verification import FALSE_ACCEPT_RATES, USUAL_FAR
from app.progress import counted
from app.settings import Settings
from app.vision.bundle import Bundle, find_bundle, load_bundle
from app.vision.detector_choice import DetectorName
from app.vision.device import DeviceName, choose_device
from app.vision.embedder import Embedder

_PEOPLE_SHOWN = 10
_RIVALS_SHOWN = 3


def evaluate(
    dataset_root: Annotated[Path, typer.Option(help="Photos, one folder per person.")],
    edgeface_weights: Annotated[
        Path | None,
        typer.Option(
            help="A bundle: its folder, or its name in the store; or a published checkpoint "
            "(.pt), without DSR. Default: the bundle that the settings name."
        ),
    ] = None,
    sizes: Annotated[
        str, typer.Option(help="Face sizes of the probes in px; hr leaves them as they are.")
    ] = format_sizes(USUAL_SIZES),
    aligned: Annotated[
        bool, typer.Option("--aligned", help="The files are aligned 112x112 crops.")
    ] = False,
    degrade: Annotated[Degrade, typer.Option(help=DEGRADE_HELP)] = "crop",
    template_photos: Annotated[
        int,
        typer.Option(
            min=1,
            help="Photos of a person that are averaged on the sharp side, in the order of their "
            "names. 3 is what the service asks for at least.",
        ),
    ] = 1,
    frames: Annotated[
        int,
        typer.Option(
            min=1,
            help="Photos of a person that are averaged for a probe, as the service pools frames.",
        ),
    ] = 1,
    device: Annotated[DeviceName, typer.Option(help="Where the networks run.")] = "auto",
    detector: Annotated[DetectorName, typer.Option(help="What finds the faces.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure weights on people in folders: accuracy by face size and by person, thresholds.

    Every photo is compared with every other one, sharp on one side, shrunk on the other; never with
    itself, nor with a template that it is in.
    """
    probe_sizes = _sizes(sizes)
    settings = Settings.read()
    photos = read_people(dataset_root)
    bundle = _weights(edgeface_weights, settings)
    view = make_viewer(aligned, degrade, detector, settings.detectors, offline=settings.offline)
    embedder = Embedder(bundle, choose_device(device), os.cpu_count() or 1)
    contestant = Contestant(bundle.manifest.name, bundle.space_id, embedder)
    with counted("Photos") as advance:
        evaluation = evaluate_people(
            photos, probe_sizes, view, [contestant], advance, Pooling(template_photos, frames)
        )
    if as_json:
        typer.echo(json.dumps(_document(evaluation, photos)))
    else:
        _print(evaluation, photos, bundle)


def _sizes(text: str) -> tuple[Size, ...]:
    try:
        return parse_sizes(text)
    except EvaluationError as error:
        raise typer.BadParameter(error.detail, param_hint="--sizes") from error


def _weights(named: Path | None, settings: Settings) -> Bundle:
    if named is None:
        return load_bundle(find_bundle(settings.bundles, settings.bundle))
    if named.is_file() or named.suffix == ".pt":
        if named.suffix == ".safetensors":
            raise typer.BadParameter(
                f"{named.name} is one file of a bundle: name its folder, {named.parent}.",
                param_hint="--edgeface-weights",
            )
        from app.vision.published import published_bundle, read_published  # noqa: PLC0415 - torch takes seconds

        return published_bundle(read_published(named))
    return load_bundle(named if named.is_dir() else find_bundle(settings.bundles, str(named)))


def _people(result: SizeResult, photos: list[PersonPhoto]) -> list[PersonFigures]:
    assert result.matches is not None  # every photo was compared with all others
    # Misses and false names are counted at the threshold for this rate.
    threshold = result.figures.threshold_at_far[USUAL_FAR]
    names = list(dict.fromkeys(photo.person for photo in photos))
    return person_figures(result.matches, names, threshold)


def _document(evaluation: Evaluation, photos: list[PersonPhoto]) -> dict[str, object]:
    """What the trainer writes into report.json, and everybody's figures for each size."""
    people = [
        {"size": result.size, "false_accept_rate": FALSE_ACCEPT_RATES[USUAL_FAR]}
        | {"people": [asdict(person) for person in _people(result, photos)]}
        for result in evaluation.results
    ]
    return {**evaluation.document(), "people": people}


def _print(evaluation: Evaluation, photos: list[PersonPhoto], bundle: Bundle) -> None:
    console = Console()
    console.print(
        f"{evaluation.n_photos} photos of {evaluation.n_people} people, bundle "
        f"{bundle.manifest.name} ({bundle.manifest.networks.edgeface.variant})",
        highlight=False,
    )
    accuracy = Table(
        "size", "route", "accuracy", "EER", f"TAR at FAR {USUAL_FAR}", "rank-1", "no face"
    )
    for result in evaluation.results:
        figures = result.figures
        rates = (figures.accuracy, figures.eer, figures.tar_at_far[USUAL_FAR], figures.rank1 or 0.0)
        accuracy.add_row(
            *(result.size, result.route),
            *(_percent(rate) for rate in rates),
            str(result.n_undetected),
        )
    console.print(accuracy)
    _print_people(console, evaluation.results[0], photos)
    _print_thresholds(console, evaluation.results)
    if evaluation.without_face:
        names = ", ".join(evaluation.without_face[:_PEOPLE_SHOWN])
        console.print(f"No face in {len(evaluation.without_face)} photos: {names}", markup=False)


def _print_people(console: Console, result: SizeResult, photos: list[PersonPhoto]) -> None:
    missed = [person for person in _people(result, photos) if person.missed]
    table = Table("person", "probes", "missed", "taken for")
    table.title = f"Most missed at {result.size}, FAR {USUAL_FAR}"
    for person in missed[:_PEOPLE_SHOWN]:
        rivals = [f"{name} ({times})" for name, times in person.taken_for.items()]
        more = [] if len(rivals) <= _RIVALS_SHOWN else [f"{len(rivals) - _RIVALS_SHOWN} more"]
        told = ", ".join(rivals[:_RIVALS_SHOWN] + more)
        table.add_row(person.person, str(person.photos), str(person.missed), told or "nobody")
    if len(missed) > _PEOPLE_SHOWN:
        table.caption = f"and {len(missed) - _PEOPLE_SHOWN} more; --json names them"
    console.print(table)


def _print_thresholds(console: Console, results: list[SizeResult]) -> None:
    table = Table("size", *(f"FAR {name}" for name in FALSE_ACCEPT_RATES))
    table.title = "Thresholds that keep a false-accept rate (and the TAR there)"
    marked = False
    for result in results:
        figures = result.figures
        cells = []
        for name, rate in FALSE_ACCEPT_RATES.items():
            few = rate * figures.n_impostor < FEW_PAIRS
            marked |= few
            similarity, tar = figures.threshold_at_far[name], figures.tar_at_far[name]
            cells.append(f"{similarity:.3f} ({_percent(tar)}){'*' if few else ''}")
        table.add_row(result.size, *cells)
    if marked:
        table.caption = f"* rests on fewer than {FEW_PAIRS} pairs: too few to set it by"
    console.print(table)


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f} %"
