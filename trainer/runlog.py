"""A run's log: `metrics.jsonl` for programs, TensorBoard events for people, lines for the shell."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from torch.utils.tensorboard import SummaryWriter

from trainer.metrics import Scores

METRICS_NAME = "metrics.jsonl"


class RunLog:
    """Writes what one stage of a run measures; a context manager.

    A run that crashed has records of steps after its last checkpoint. Those steps will be repeated,
    so the records are dropped here: a resumed run's log equals that of an uninterrupted one.

    Args:
        folder: The run's folder.
        stage: The stage's name.
        steps: Steps of the stage that the checkpoint knows.
    """

    def __init__(self, folder: Path, stage: str, steps: int) -> None:
        self._stage = stage
        path = folder / METRICS_NAME
        _drop_later_records(path, stage, steps)
        self._file = path.open("a", encoding="utf-8")
        self._events = SummaryWriter(str(folder / "tensorboard" / stage), purge_step=steps + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._events.close()

    def write(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """One record; `step` counts from the start of the stage."""
        record = {"stage": self._stage, "epoch": epoch, "step": step, **values}
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._events.add_scalar(name, value, step)


def _drop_later_records(path: Path, stage: str, steps: int) -> None:
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    records = [(line, json.loads(line)) for line in whole]
    kept = [line for line, of in records if of["stage"] != stage or of["step"] <= steps]
    incoming = path.with_suffix(".incoming")
    incoming.write_text("".join(kept), encoding="utf-8")
    incoming.replace(path)


def epoch_lines(epoch: int, epochs: int, losses: Mapping[str, float], scores: Scores) -> str:
    """What the shell shows after an epoch."""
    accuracy = f" Acc: {losses['Acc']:.4f}" if "Acc" in losses else ""
    parts = {name: value for name, value in losses.items() if name != "Acc"}
    lines = [
        f"Epoch {epoch + 1:02d}/{epochs:02d} | Train Loss: {losses['Total']:.4f}{accuracy}"
        f" | Val Loss: {scores.loss:.4f} Acc: {scores.accuracy:.4f}",
        f"[Val] {_sizes(scores)} | Impostors: {scores.impostor_mean:+.3f}"
        f" +- {scores.impostor_std:.3f}",
    ]
    if len(parts) > 1:
        listed = " | ".join(f"{name}: {value:.4f}" for name, value in parts.items())
        lines.insert(1, f"[Losses] {listed}")
    return "\n".join(lines)


def start_line(before: Scores) -> str:
    """What the shell is told before the first epoch."""
    return f"[Val] Before the first step: {_sizes(before)}"


def outcome_lines(before: Scores, best: float, run: Path) -> str:
    """What the shell is told in the end: better or worse than it began, and what comes next.

    Args:
        before: Of the weights that the run started from.
        best: The selection of those that it leaves.
        run: Its folder.
    """
    command = (
        f"farsight-trainer publish --run {shlex.quote(str(run))} --store FOLDER --val-dir FOLDER "
        "--baseline EDGEFACE"
    )
    change = f"TAR at FAR 1e-3, all sizes: {before.selection:.4f} before, {best:.4f} after."
    if best >= before.selection:
        return f"{change}\nNext: {command}"
    return (
        f"{change} The run is worse than the weights that it started from; do not publish it.\n"
        "What helps: a lower --backbone-learning-rate (1e-6 for a dozen people), more people and "
        "photos in --train-dir, fewer --stage2-epochs if the first ones were the best. If the last "
        f"ones were: --resume --stage2-epochs N goes on with {run}.\n"
        f"To look at it all the same: {command}"
    )


def _sizes(scores: Scores) -> str:
    sizes = " ".join(f"{size}: {value:.4f}" for size, value in scores.tar.items())
    return f"TAR at FAR 1e-3 by face px | {sizes}"
