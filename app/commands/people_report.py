"""What is told of a folder of people: the plan, the end, and a file that names every photo."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from app.commands.people_plan import Plan, Skipped

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class PhotoLine:
    """A line of the report file.

    Attributes:
        file: Below the folder of people.
        user_id: Empty for what belongs to nobody.
        outcome: `used`, `not used`, `not sent`, `skipped`; of a dry run, `would be sent`.
        reason: A code for programs.
        detail: The same in a sentence.
        photo_id: Of a photo that is stored.
    """

    file: str
    user_id: str
    outcome: str
    reason: str
    detail: str
    photo_id: str


@contextmanager
def report_file(path: Path | None, plan: Plan) -> Iterator[Callable[[PhotoLine], None]]:
    """Takes lines for a CSV file; each is there at once, also if the run is killed.

    Args:
        path: None where no file is wanted.
        plan: What is skipped by it is told first.
    """
    if path is None:
        yield lambda _line: None
        return
    try:
        file = path.open("w", encoding="utf-8", newline="", buffering=1)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}.") from error
    with file:
        writer = csv.DictWriter(file, [field.name for field in fields(PhotoLine)])
        writer.writeheader()
        for of in plan.skipped:
            writer.writerow(asdict(PhotoLine(of.path, "", "skipped", "", of.why, "")))
        yield lambda line: writer.writerow(asdict(line))


def planned_lines(plan: Plan, users: dict[str, int | None]) -> Iterator[PhotoLine]:
    """What a dry run says of each photo."""
    for person in plan.people:
        user_id = person.person.user_id
        there = user_id in users
        outcome, reason = ("not sent", "user_exists") if there else ("would be sent", "")
        for photo in person.photos:
            name = photo.relative_to(plan.root).as_posix()
            yield PhotoLine(name, user_id, outcome, reason, "", "")


def planned(plan: Plan, users: dict[str, int | None]) -> dict[str, object]:
    """A dry run for programs."""
    return {
        "would_register": [
            {
                "user_id": of.person.user_id,
                "display_name": of.person.display_name,
                "metadata": of.person.metadata or {},
                "folder": of.folder.relative_to(plan.root).as_posix(),
                "photos": len(of.photos),
            }
            for of in plan.people
            if of.person.user_id not in users
        ],
        "already_registered": [
            of.person.user_id for of in plan.people if of.person.user_id in users
        ],
        "refused": [asdict(of) for of in plan.refused],
        "skipped": [asdict(of) for of in plan.skipped],
    }


def print_plan(plan: Plan, users: dict[str, int | None]) -> None:
    """A dry run for people."""
    table = Table("folder", "user_id", "name", "photos", "")
    for of in plan.people:
        there = "is registered already" if of.person.user_id in users else ""
        folder = of.folder.relative_to(plan.root).as_posix()
        name = of.person.display_name or ""
        table.add_row(folder, of.person.user_id, name, str(len(of.photos)), there)
    for refused in plan.refused:
        table.add_row("", refused.user_id, "", "", f"{refused.code}: {refused.detail}")
    Console().print(table)
    print_skipped(plan.skipped)
    new = [of for of in plan.people if of.person.user_id not in users]
    typer.echo(
        f"A dry run: {len(new)} people with {sum(len(of.photos) for of in new)} photos would be "
        f"sent, {len(plan.people) - len(new)} are registered already, {len(plan.refused)} cannot "
        "be."
    )


def print_skipped(skipped: list[Skipped]) -> None:
    """Names what was left out."""
    for of in skipped[:_SHOWN]:
        typer.echo(f"skipped {of.path}: {of.why}")
    if len(skipped) > _SHOWN:
        typer.echo(f"and {len(skipped) - _SHOWN} more; --report names all")
