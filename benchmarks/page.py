"""docs/benchmarks.md, from the scripts' findings."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.results import Rounds, Row, Share, read_tables, table

_HEAD = """# Benchmarks

`make bench` measures all of this and writes this page. `make bench BASE=DIR` compares with the
checkout in `DIR`, whose figure comes first: `base -> here`. Both take turns within one run, so that
ratios can be trusted even if times cannot: those are for orientation, from a machine with {cores}
cores. `a (b..c)` is the median of the rounds and their range. The pictures are made from photos of
twelve people that are not in the repository.
"""

_PLOTTED = {"detection": "found", "requests": "requests/s"}
"""By script: the figure that is plotted, of every table that has it in all rows."""

_WIDTH_INCHES = 7.0
_ROW_INCHES = 0.25
_MARGIN_INCHES = 0.8
_DPI = 80


def write_page(page: Path, out: Path, titles: Mapping[str, str]) -> None:
    """Writes the page and its plots.

    Args:
        page: Its path; plots go beside it.
        out: Where the scripts have written `NAME.json` or `NAME.txt`; some `NAME.png` too.
        titles: Of the sections, by name; those without files are left out.
    """
    parts = [_HEAD.format(cores=os.cpu_count())]
    for name, title in titles.items():
        found, printed = out / f"{name}.json", out / f"{name}.txt"
        if found.exists():
            tables = read_tables(found)
            parts.append(f"## {title}\n")
            parts += [f"**{of}**\n\n{table(rows)}\n" for of, rows in tables.items()]
            figure = _PLOTTED.get(name.partition("-")[0])
            rows = next((of for of in tables.values() if _has(of, figure)), [])
            if figure is not None and rows:
                plot = page.with_name(f"benchmarks-{name}.png")
                _draw(rows, figure).savefig(plot, dpi=_DPI)
                parts.append(f"![{title}: {figure}]({plot.name})\n")
            drawn = out / f"{name}.png"
            if drawn.exists():
                plot = page.with_name(f"benchmarks-{name}.png")
                shutil.copyfile(drawn, plot)
                parts.append(f"![{title}]({plot.name})\n")
        elif printed.exists():
            parts.append(f"## {title}\n")
            parts.append(f"```\n{printed.read_text(encoding='utf-8').strip()}\n```\n")
    page.write_text("\n".join(parts), encoding="utf-8")


def _has(rows: Sequence[Row], figure: str | None) -> bool:
    return any(figure in of for row in rows for of in row.figures.values())


def _draw(rows: Sequence[Row], name: str) -> Figure:
    """A bar per row and commit."""
    height = _MARGIN_INCHES + _ROW_INCHES * len(rows)
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.subplots()
    commits = list(rows[0].figures)
    thick = 0.8 / len(commits)
    for number, commit in enumerate(commits):
        lengths = [_length(row.figures[commit].get(name)) for row in rows]
        axes.barh(np.arange(len(rows)) + number * thick, lengths, thick, label=commit)
    axes.set_yticks(np.arange(len(rows)) + (len(commits) - 1) * thick / 2)
    axes.set_yticklabels([row.case for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(name)
    if len(commits) > 1:
        axes.legend()
    return figure


def _length(figure: object) -> float:
    if isinstance(figure, Share):
        return figure.n / figure.of
    return float(np.median(figure.values)) if isinstance(figure, Rounds) else 0.0
