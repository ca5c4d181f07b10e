"""A run's diary: `metrics.jsonl` for programs, TensorBoard events for eyes, lines for the shell."""

import json
from collections.abc import Mapping
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from trainer.metrics import Scores


class RunLog:
    """Writes what a run measures.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "metrics.jsonl").open("a", encoding="utf-8")
        self._events = SummaryWriter(str(folder / "tensorboard"))

    def write(self, stage: str, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """One record; `step` counts from the start of the stage."""
        record = {"stage": stage, "epoch": epoch, "step": step, **values}
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._events.add_scalar(f"{stage}/{name}", value, step)

    def close(self) -> None:
        """Flushes both."""
        self._file.close()
        self._events.close()


def epoch_lines(epoch: int, epochs: int, losses: Mapping[str, float], scores: Scores) -> str:
    """What the shell is told after an epoch."""
    accuracy = f" Acc: {losses['Acc']:.4f}" if "Acc" in losses else ""
    parts = {name: value for name, value in losses.items() if name != "Acc"}
    sizes = " ".join(f"{size}: {value:.4f}" for size, value in scores.tar.items())
    lines = [
        f"Epoch {epoch + 1:02d}/{epochs:02d} | Train Loss: {losses['Total']:.4f}{accuracy}"
        f" | Val Loss: {scores.loss:.4f} Acc: {scores.accuracy:.4f}",
        f"  [Val] TAR at FAR 1e-3 by face px | {sizes} | impostors {scores.impostor_mean:+.3f}"
        f" +- {scores.impostor_std:.3f}",
    ]
    if len(parts) > 1:
        listed = " | ".join(f"{name}: {value:.4f}" for name, value in parts.items())
        lines.insert(1, f"  [Losses] {listed}")
    return "\n".join(lines)


def progress_bar(visible: bool) -> Progress:
    """Steps done, rate and time left of an epoch; silent where nobody looks."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.speed:.2f}/s" if visible else ""),
        TimeRemainingColumn(),
        transient=True,
        disable=not visible,
    )
