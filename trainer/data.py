"""Batches drawn from crops so that a seed decides everything.

A sample's chance depends on (seed, epoch, index) alone: it is the same in every process, after
anything drawn before, and after a resume. So any number of workers may read ahead.
"""

import signal
from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from app.vision.scaling import HALF_RANGE
from trainer.crops import CropSet
from trainer.degradation import Degradation, degrade
from trainer.errors import DataError

# How many batches each worker is ahead: one is being drawn while another waits.
_AHEAD = 2


def refuse_batch_size(crops: int, batch_size: int, world_size: int) -> None:
    """Checks that a batch can be filled and shared evenly.

    Raises:
        DataError: It cannot.
    """
    if batch_size % world_size:
        raise DataError(f"A batch of {batch_size} cannot be split over {world_size} processes.")
    if crops < batch_size:
        raise DataError(f"{crops} crops do not fill one batch of {batch_size}. Lower --batch-size.")


class Batch(msgspec.Struct, frozen=True):
    """One step's worth of faces.

    Pictures are (batch, 112, 112, 3) uint8 RGB on their way, a quarter of the bytes; `to` makes
    them (batch, 3, 112, 112) float32 in [-1, 1], channels-last.

    A struct, not a dataclass: Fabric would reach into a dataclass and cut targets to 16 bits.

    Attributes:
        low: Degraded and enlarged.
        high: The sharp crop, moved as the degraded one was.
        face_px: (batch,) size of the degraded view.
        target: (batch, size) the stock network's embedding of the untouched crop.
        members: (batch,) the index of each among all training faces.
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
        """The same batch on a device, with pictures in the form that the networks take."""
        moved = self._each(lambda tensor: tensor.to(device, non_blocking=True))
        low, high = (to_input(pixels.permute(0, 3, 1, 2)) for pixels in (moved.low, moved.high))
        return msgspec.structs.replace(moved, low=low, high=high)

    def pin_memory(self) -> "Batch":
        """Moves it to memory that a GPU reads directly; DataLoader looks for this name."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        tensors = {name: getattr(self, name) for name in self.__struct_fields__ if name != "files"}
        changed = {name: change(tensor) for name, tensor in tensors.items()}
        return msgspec.structs.replace(self, **changed)


def to_input(pixels: Tensor) -> Tensor:
    """(batch, 3, 112, 112) from 0 to 255 -> float32 in [-1, 1], channels-last.

    Bit for bit the result of `app.vision.scaling.to_input`.
    """
    scaled = (pixels.float() - HALF_RANGE) / HALF_RANGE
    return scaled.contiguous(memory_format=torch.channels_last)


class Batches(Dataset[Batch]):
    """The order of the crops, and how each is degraded, for every epoch.

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
        """Steps per epoch; crops that do not fill a batch wait for another epoch."""
        return len(self._crops) // self._batch_size

    def targets_and_labels(self) -> tuple[Tensor, Tensor]:
        """(n, size) the stock embedding of each crop, and (n,) its label."""
        return torch.from_numpy(self._targets), torch.from_numpy(self._crops.labels)

    def read_ahead(
        self, start: tuple[int, int], epochs: int, workers: int, pin_memory: bool = False
    ) -> Iterator[Batch]:
        """The batches from a place to the end of the last epoch, drawn while others are used.

        Args:
            start: Epoch and step of the first.
            epochs: Where to stop.
            workers: Processes that draw; with 0 each batch is drawn when it is asked for.
            pin_memory: For a GPU.
        """
        places = [
            (epoch, step)
            for epoch in range(start[0], epochs)
            for step in range(start[1] if epoch == start[0] else 0, len(self))
        ]
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=places,
            num_workers=workers,
            prefetch_factor=_AHEAD if workers else None,
            pin_memory=pin_memory,
            worker_init_fn=_leave_ctrl_c_alone,
            # Its own generator, or torch's chance would depend on who reads.
            generator=torch.Generator(),
        )
        return iter(loader)

    def __getitem__(self, place: tuple[int, int]) -> Batch:
        """This process's share of the batch of an epoch and a step."""
        epoch, step = place
        order = _order(self._seed, epoch, len(self._crops))
        members = order[step * self._batch_size : (step + 1) * self._batch_size]
        members = members[self._rank :: self._world_size]
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
            low=torch.from_numpy(np.stack(low)),
            high=torch.from_numpy(np.stack(high)),
            face_px=torch.tensor(face_px, dtype=torch.float32),
            target=torch.from_numpy(self._targets[members]),
            members=torch.from_numpy(members),
            labels=torch.from_numpy(self._crops.labels[members]),
            sharp=torch.from_numpy(self._crops.sharp[members]).float(),
            files=[self._crops.files[index] for index in members],
        )


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(count)


def _leave_ctrl_c_alone(_worker: int) -> None:
    """A shell also sends it to workers, but the steps until the checkpoint need their batches."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
