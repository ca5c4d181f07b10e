"""Batches drawn from crops so that a seed decides everything.

A sample's chance depends on (seed, epoch, index) alone: the same whichever process draws it,
whatever was drawn before, and after a resume.
"""

from collections.abc import Iterator

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.vision.scaling import to_input
from trainer.crops import CropSet
from trainer.degradation import Degradation, degrade
from trainer.errors import DataError


def refuse_batch_size(crops: int, batch_size: int, world_size: int) -> None:
    """A batch must be filled, and shared out evenly.

    Raises:
        DataError: It cannot be.
    """
    if batch_size % world_size:
        raise DataError(f"A batch of {batch_size} cannot be split over {world_size} processes.")
    if crops < batch_size:
        raise DataError(f"{crops} crops do not fill one batch of {batch_size}; see --batch-size.")


class Batch(msgspec.Struct, frozen=True):
    """One step's worth of faces, scaled to [-1, 1], channels-last.

    A struct, not a dataclass: Fabric would reach into a dataclass and cut targets to 16 bits.

    Attributes:
        low: (batch, 3, 112, 112) degraded and enlarged.
        high: (batch, 3, 112, 112) the sharp crop, moved as the degraded one was.
        face_px: (batch,) size of the degraded view.
        target: (batch, size) the stock network's embedding of the untouched crop.
        members: (batch,) which of all training faces each is.
        labels: (batch,) class or -1.
        sharp: (batch,) 1 where a pixel loss counts.
        files: Names, for error messages.
    """

    low: Tensor
    high: Tensor
    face_px: Tensor
    target: Tensor
    members: Tensor
    labels: Tensor
    sharp: Tensor
    files: list[str]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return msgspec.structs.replace(
            self,
            low=self.low.to(device),
            high=self.high.to(device),
            face_px=self.face_px.to(device),
            target=self.target.to(device),
            members=self.members.to(device),
            labels=self.labels.to(device),
            sharp=self.sharp.to(device),
        )


class Batches:
    """The order of the crops and what is done to each, for every epoch.

    Args:
        crops: Where the batches come from.
        targets: (n, size) the stock network's embedding of each crop.
        degradation: How hard.
        batch_size: Faces per step over all processes together.
        seed: Decides everything.
        rank: This process.
        world_size: Number of processes; divides `batch_size`.
    """

    def __init__(
        self,
        crops: CropSet,
        targets: NDArray[np.float32],
        degradation: Degradation,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        refuse_batch_size(len(crops), batch_size, world_size)
        self._crops, self._targets, self._degradation = crops, targets, degradation
        self._batch_size, self._seed = batch_size, seed
        self._rank, self._world_size = rank, world_size

    def __len__(self) -> int:
        """Steps per epoch; what does not fill a batch waits for another epoch's order."""
        return len(self._crops) // self._batch_size

    def targets_and_labels(self) -> tuple[Tensor, Tensor]:
        """(n, size) the stock embedding of each crop, and (n,) its label."""
        return torch.from_numpy(self._targets), torch.from_numpy(self._crops.labels)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, this process's share of each, from a step on."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._crops))
        for step in range(first_step, len(self)):
            members = order[step * self._batch_size : (step + 1) * self._batch_size]
            yield self._batch(epoch, members[self._rank :: self._world_size])

    def _batch(self, epoch: int, members: NDArray[np.int64]) -> Batch:
        low, high, face_px = [], [], []
        for index in members:
            rng = np.random.default_rng((self._seed, epoch, int(index)))
            crop = self._crops.pixels[index]
            if rng.integers(2):
                crop = np.ascontiguousarray(crop[:, ::-1])
            size = self._degradation.draw_face_px(rng)
            view, moved = degrade(crop, size, self._degradation, rng)
            low.append(view)
            high.append(moved)
            face_px.append(size)
        return Batch(
            low=torch.from_numpy(to_input(np.stack(low))),
            high=torch.from_numpy(to_input(np.stack(high))),
            face_px=torch.tensor(face_px, dtype=torch.float32),
            target=torch.from_numpy(self._targets[members]),
            members=torch.from_numpy(members),
            labels=torch.from_numpy(self._crops.labels[members]),
            sharp=torch.from_numpy(self._crops.sharp[members]).float(),
            files=[self._crops.files[index] for index in members],
        )
