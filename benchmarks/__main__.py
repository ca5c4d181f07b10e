"""Every figure in the docs: `make bench`, or `python -m benchmarks --help`.

Runs the scripts one after the other, keeps their output and findings in a folder, and writes
docs/benchmarks.md from it.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.material import SHARED
from benchmarks.options import BaseOption
from benchmarks.page import write_page
from benchmarks.results import show

_PAGE = Path("docs/benchmarks.md")


@dataclass(frozen=True, slots=True)
class Step:
    """One script.

    Attributes:
        name: Of its files.
        title: Over its figures in the page.
        command: Module and arguments.
        compares: Whether it takes `--base`.
        keeps: Whether it takes `--out`; for the others the page shows their output.
    """

    name: str
    title: str
    command: tuple[str, ...]
    compares: bool = True
    keeps: bool = True


_DETECTORS = ("yunet", "centerface")


def steps(peers_python: Path | None) -> list[Step]:
    """In the order in which they run and stand in the page."""
    found = []
    for script, title in (
        ("detection", "What is found, and whose it is"),
        ("requests", "Requests per second"),
        ("bare", "Against a bare loop"),
        ("health", "Health and memory"),
    ):
        for detector in _DETECTORS:
            command = (script, "--detector", detector)
            found.append(
                Step(
                    name=f"{script}-{detector}",
                    title=f"{title}: {detector}",
                    command=command,
                    compares=script != "bare",
                )
            )
    command = ("attacks", "--detector", "yunet")
    found.append(Step("attacks-yunet", "A caller beside attacks", command, compares=False))
    found.append(Step("soak", "Soak", ("soak",), compares=False))
    if peers_python is not None:
        command = ("peers", "--python", str(peers_python))
        found.append(Step("peers", "Beside others", command, compares=False))
    people = str(SHARED / "faces" / "train_small")
    for name, title, arguments in (
        ("networks", "Networks alone", ()),
        ("search", "Search", ()),
        ("reload", "Reload under load", ()),
        ("register_from_dir", "Registration from a folder", (people,)),
        ("registration", "Limits of registration", ()),
        ("quality", "Limits of quality", ()),
        ("covers", "Covered faces", ()),
        ("copies", "One photo saved in several ways", ()),
        ("near_strangers", "Turned and covered people", ()),
        ("strangers", "Strangers put together by likeness", ()),
        ("calibration", "Calibration", ()),
    ):
        command = (name, *arguments)
        found.append(Step(name, title, command, compares=False, keeps=False))
    return found


def run_step(step: Step, out: Path, base: Path | None) -> bool:
    """Runs one script; returns whether it ended well. Its output is shown and kept."""
    command = [sys.executable, "-m", f"benchmarks.{step.command[0]}", *step.command[1:]]
    if step.keeps:
        command += ["--out", str(out)]
    if step.compares and base is not None:
        command += ["--base", str(base)]
    show(f"\n## {step.title}\n")
    printed = []
    # S603: the commands above.
    # S603: the command is a benchmark of this project.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own words
        assert process.stdout is not None
        for line in process.stdout:
            show(line.rstrip("\n"))
            printed.append(line)
    (out / f"{step.name}.txt").write_text("".join(printed), encoding="utf-8")
    return process.returncode == 0


def main(
    base: BaseOption = None,
    out: Annotated[Path, typer.Option(help="Folder for all findings.")] = Path("runs/bench"),
    peers_python: Annotated[
        Path | None, typer.Option(help="Python of the environment with dlib; without it, no peers.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Steps by name; repeatable. `none`: only the page.")
    ] = None,
) -> None:
    """Run the benchmarks and write docs/benchmarks.md."""
    out.mkdir(parents=True, exist_ok=True)
    every = steps(peers_python)
    wanted = [step for step in every if only is None or step.name in only]
    failed = [step.name for step in wanted if not run_step(step, out, base)]
    write_page(_PAGE, out, {step.name: step.title for step in every})
    if failed:
        raise SystemExit(f"These failed: {', '.join(failed)}.")


if __name__ == "__main__":
    typer.run(main)
