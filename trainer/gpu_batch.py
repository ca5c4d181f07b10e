"""Batches for one GPU: all crops are on it, and every view is made there."""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.vision.dimensions import CROP_SIZE_PX
from trainer.config import PackedConfig
from trainer.crops import CropSet
from trainer.data import to_input
from trainer.gpu_chance import Draw
from trainer.gpu_degradation import GpuDegradation

_STEP_SEEDS = 1_000_003


class Resident:
    """The training data on the device.

    Args:
        crops: Cleaned.
        targets: (n, 512) the teacher's embeddings of the sharp crops, unit length.
        ensemble: (n, any) the teachers' embeddings together, unit length.
    """

    def __init__(self, crops: CropSet, targets: Tensor, ensemble: Tensor) -> None:
        self.device = targets.device
        self.pixels = torch.from_numpy(crops.pixels).to(self.device).permute(0, 3, 1, 2)
        self.labels = torch.from_numpy(crops.labels).to(self.device)
        self.sharp = torch.from_numpy(crops.sharp).to(self.device)
        self.targets, self.ensemble = targets, ensemble

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True)
class GpuBatch:
    """One step's faces; pictures are (batch, 3, 112, 112) in [-1, 1].

    Attributes:
        members: (batch,) the index of each among the crops.
        small: For DSR: the first half shrunk cleanly, the second photographed.
        face_px: (batch,) sizes of `small`.
        second: For EdgeFace alone: `sharp_part` is the crop, the rest photographed.
        high: What DSR should restore.
        comparable: (batch,) 1 where a pixel loss counts.
    """

    members: Tensor
    small: Tensor
    face_px: Tensor
    second: Tensor
    high: Tensor
    comparable: Tensor


def draw_batch(
    data: Resident, degradation: GpuDegradation, config: PackedConfig, step: int
) -> GpuBatch:
    """The batch of a step: (seed, step) decide everything, so there is no state to keep."""
    chance = torch.Generator(data.device).manual_seed(config.engine.seed * _STEP_SEEDS + step)
    size = config.engine.batch_size
    members = torch.randint(len(data), (size,), generator=chance, device=data.device)
    crops = data.pixels[members].float()
    mirrored = Draw(size, chance, data.device).odds(0.5) > 0
    crops = torch.where(mirrored[:, None, None, None], crops.flip(3), crops)

    face_px = degradation.draw_face_px(size, config.min_face_px, config.max_face_px, chance)
    half = size // 2
    clean = degradation.shrink_and_enlarge(crops[:half], face_px[:half])
    photographed = degradation.photograph(
        crops[half:], face_px[half:], chance, max_px=config.max_face_px
    )
    comparable = data.sharp[members].float()
    comparable[half:] *= photographed.aligned

    start, end = sharp_part(size)
    soft_px = degradation.draw_face_px(
        size - (end - start), config.min_soft_px, CROP_SIZE_PX, chance
    )
    outer = torch.cat((crops[:start], crops[end:]))
    soft = degradation.photograph(outer, soft_px, chance).pixels
    second = torch.cat((soft[:start], crops[start:end], soft[start:]))
    return GpuBatch(
        members=members,
        small=to_input(torch.cat((clean, photographed.pixels))),
        face_px=face_px.float(),
        second=to_input(second),
        high=to_input(crops),
        comparable=comparable,
    )


def sharp_part(size: int) -> tuple[int, int]:
    """The range of a batch in which second views are the sharp crops: its middle half.

    So each of the four combinations of small and second views has a quarter of the batch.
    """
    return size // 4, size // 4 + size // 2
