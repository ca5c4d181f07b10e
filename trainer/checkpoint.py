"""Checkpoints: everything a run needs to go on as if it had not stopped, complete or absent.

There is no random state among it: all chance depends on (seed, epoch, index), see `trainer.data`.
"""

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainer.errors import RunError

CHECKPOINT_NAME = "checkpoint.pt"


@dataclass(slots=True)
class Place:
    """Where a stage is.

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


class _Stored(TypedDict):
    fits: str
    stage: str
    place: dict[str, Any]
    module: dict[str, Tensor]
    optimizer: dict[str, Any]


class Checkpoint:
    """The one checkpoint of a run.

    Args:
        folder: The run's folder.
        fits: Hash of the settings and the data; a checkpoint of other settings is refused.

    Raises:
        RunError: The run's checkpoint was made with other settings or other data.
    """

    def __init__(self, folder: Path, fits: str) -> None:
        self._path, self._fits = folder / CHECKPOINT_NAME, fits
        self._stored: _Stored | None = None
        if self._path.is_file():
            self._stored = torch.load(self._path, map_location="cpu", weights_only=True)
            if self._stored["fits"] != fits:
                raise RunError("The run was started with other settings or other data.")

    @property
    def stage(self) -> str | None:
        """The stage at which the run stopped, or None if it starts afresh."""
        return self._stored["stage"] if self._stored else None

    def restore(self, name: str, stage: nn.Module, optimizer: Optimizer) -> Place:
        """Puts a stage back to where it stopped; a stage that has not begun is left as it is."""
        stored = self._stored
        if stored is None or stored["stage"] != name:
            return Place()
        stage.load_state_dict(stored["module"])
        optimizer.load_state_dict(stored["optimizer"])
        return Place(**stored["place"])

    def save(self, name: str, stage: nn.Module, optimizer: Optimizer, place: Place) -> None:
        """Writes beside the old one, then takes its place: a crash leaves one of the two."""
        stored = _Stored(
            fits=self._fits,
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
