"""Checkpoints: everything a run needs to continue as if it had not stopped, complete or absent.

They hold no random state: all chance depends on (seed, epoch, index), see `trainer.data`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

CHECKPOINT_NAME = "checkpoint.pt"
NAMED = "Named"


@dataclass(slots=True)
class Place:
    """The place in a stage.

    Attributes:
        epoch: Epoch within the stage.
        step: Next step within the epoch.
        sums: Each loss, summed over the epoch's steps so far.
        best_score: Best validation score of the stage so far.
        best: The weights that reached it.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    best_score: float = float("-inf")
    best: dict[str, Tensor] = field(default_factory=dict)

    def add(self, losses: Mapping[str, float]) -> None:
        """Counts a step."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.step += 1

    def means(self) -> dict[str, float]:
        """The losses over the epoch so far; accuracy counts only faces with names."""
        means = {name: total / self.step for name, total in self.sums.items()}
        if named := means.pop(NAMED, 0.0):
            means["Acc"] /= named
        return means

    def end_epoch(self) -> None:
        """Begins the next epoch."""
        self.epoch, self.step, self.sums = self.epoch + 1, 0, {}


class _Stored(TypedDict):
    stage: str
    place: dict[str, Any]
    module: dict[str, Tensor]
    optimizer: dict[str, Any]


class Checkpoint:
    """The one checkpoint of a run.

    Args:
        folder: The run's folder. `trainer.run_folder` checks that settings and data are
            still the same.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / CHECKPOINT_NAME
        self._stored: _Stored | None = None
        if self._path.is_file():
            self._stored = torch.load(self._path, map_location="cpu", weights_only=True)

    @property
    def stage(self) -> str | None:
        """The stage at which the run stopped, or None if it starts afresh."""
        return self._stored["stage"] if self._stored else None

    def restore(self, name: str, stage: nn.Module, optimizer: Optimizer) -> Place:
        """Restores a stage to where it stopped; one that has not begun is left alone."""
        stored = self._stored
        if stored is None or stored["stage"] != name:
            return Place()
        stage.load_state_dict(stored["module"])
        optimizer.load_state_dict(stored["optimizer"])
        return Place(**stored["place"])

    def save(self, name: str, stage: nn.Module, optimizer: Optimizer, place: Place) -> None:
        """Writes beside the old one, then replaces it: a crash leaves one of the two."""
        stored = _Stored(
            stage=name,
            place={entry.name: getattr(place, entry.name) for entry in fields(place)},
            module=stage.state_dict(),
            optimizer=optimizer.state_dict(),
        )
        incoming = self._path.with_suffix(".incoming")
        with incoming.open("wb") as file:
            torch.save(stored, file)
            file.flush()
            os.fsync(file.fileno())
        incoming.replace(self._path)
