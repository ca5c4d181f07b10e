"""Findings of the scripts: rows of figures, printed as a table and written as JSON for the page.

A cell shows `base -> here` if both commits have run and have the figure.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a number."""

    n: int
    of: int

    def __str__(self) -> str:
        return f"{self.n}/{self.of}"


@dataclass(frozen=True, slots=True)
class Each:
    """A figure per photo, None if there was nothing to measure.

    Shown as the mean over the photos that every commit could measure, so that a commit does not
    look worse for having found what is hard.
    """

    values: list[float | None]

    def __str__(self) -> str:
        return _mean(self.values)


@dataclass(frozen=True, slots=True)
class Rounds:
    """A figure of every round: the median, and how far apart the rounds were."""

    values: list[float]

    def __str__(self) -> str:
        return f"{np.median(self.values):.3g} ({min(self.values):.3g}..{max(self.values):.3g})"


Figure = Share | Each | Rounds | float | int | str
Figures = Mapping[str, Figure]

_KINDS: dict[str, type[Share | Each | Rounds]] = {
    kind.__name__: kind for kind in (Share, Each, Rounds)
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: the same figures of every commit, by its name."""

    case: str
    figures: Mapping[str, Figures]


class Results:
    """Tables of one script, in the order in which they were found.

    Args:
        out: Folder for the JSON file; None for none.
        name: Of the file.
    """

    def __init__(self, out: Path | None, name: str) -> None:
        self._out = out
        self._name = name
        self._tables: dict[str, list[dict[str, object]]] = {}

    def add(self, title: str, rows: Sequence[Row]) -> None:
        """Prints a table, and writes everything so far."""
        show(f"\n### {title}\n\n{table(rows)}")
        self._tables[title] = [{"case": row.case, **_json(row)} for row in rows]
        if self._out is not None:
            self._out.mkdir(parents=True, exist_ok=True)
            path = self._out / f"{self._name}.json"
            path.write_text(json.dumps(self._tables, indent=1), encoding="utf-8")


def read_tables(path: Path) -> dict[str, list[Row]]:
    """The tables that a script has written, by title."""
    tables: dict[str, list[dict[str, object]]] = json.loads(path.read_text(encoding="utf-8"))
    return {title: [_row(row) for row in rows] for title, rows in tables.items()}


def table(rows: Sequence[Row]) -> str:
    """A Markdown table with a column for each figure."""
    names = list(dict.fromkeys(name for row in rows for of in row.figures.values() for name in of))
    lines = [["", *names], ["---"] * (len(names) + 1)]
    lines += [[row.case, *(_cell(row, name) for name in names)] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def show(text: str) -> None:
    """Prints at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _cell(row: Row, name: str) -> str:
    figures = [of[name] for of in row.figures.values() if name in of]
    lists = [figure.values for figure in figures if isinstance(figure, Each)]
    if lists and len(lists) == len(figures):
        everywhere = [all(value is not None for value in one) for one in zip(*lists, strict=True)]
        means = [
            _mean([value for value, kept in zip(values, everywhere, strict=True) if kept])
            for values in lists
        ]
        return " -> ".join(means)
    return " -> ".join(_plain(figure) for figure in figures)


def _plain(figure: Figure) -> str:
    return f"{figure:.3g}" if isinstance(figure, float) else str(figure)


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.3f}" if known else "-"


def _json(row: Row) -> dict[str, object]:
    return {
        commit: {
            name: {type(figure).__name__: asdict(figure)} if is_dataclass(figure) else figure
            for name, figure in figures.items()
        }
        for commit, figures in row.figures.items()
    }


def _row(row: Mapping[str, object]) -> Row:
    figures = {}
    for commit, of in row.items():
        if isinstance(of, dict):
            figures[commit] = {name: _figure(value) for name, value in of.items()}
    return Row(str(row["case"]), figures)


def _figure(value: object) -> Figure:
    if isinstance(value, dict):
        ((kind, fields),) = value.items()
        return _KINDS[kind](**fields)
    assert isinstance(value, float | int | str)
    return value
