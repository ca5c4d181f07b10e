"""JPEG for batches on a GPU: its losses, without its files."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.gpu_chance import Draw

# From here on libjpeg scales the tables down.
_MIDDLE_QUALITY = 50
_BLOCK_PX = 8
# ITU-T T.81, tables K.1 and K.2.
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
# JFIF: RGB to Y, Cb, Cr.
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


class Jpeg:
    """Quantised DCT of 8x8 blocks; JPEG's losses, without its files."""

    def __init__(self, device: torch.device) -> None:
        k, n = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
        dct = (math.pi / 8 * (n + 0.5) * k).cos() * 0.5
        dct[0] *= math.sqrt(0.5)
        self._dct = dct.to(device)
        self._tables = torch.tensor((_LUMA, _CHROMA), dtype=torch.float32, device=device)
        self._to_ycc = torch.tensor(TO_YCC, device=device)
        self._to_rgb = self._to_ycc.inverse()

    def __call__(self, small: Tensor, draw: Draw) -> Tensor:
        """Two in five faces are compressed; the grid of blocks may be anywhere.

        Args:
            small: (batch, 3, canvas, canvas) whole numbers from 0 to 255.
            draw: Decides which, how much, and where the grid is.
        """
        harsh = draw.odds(0.1) > 0
        quality = torch.where(harsh, draw.uniform(10, 30), draw.uniform(30, 96)).round()
        halved = draw.odds(0.6) > 0
        down, right = draw.uniform(0, _BLOCK_PX).long(), draw.uniform(0, _BLOCK_PX).long()
        moved = _shift(small, down, right)
        back = _shift(self.compress(moved, quality, halved), -down, -right)
        return torch.where(draw.odds(0.4)[:, None, None, None] > 0, back, small)

    def compress(self, pictures: Tensor, quality: Tensor, halved: Tensor) -> Tensor:
        """The pictures after compression.

        Args:
            pictures: (batch, 3, side, side) from 0 to 255; the side is a multiple of 16.
            quality: (batch,) libjpeg's, 1 to 100.
            halved: (batch,) whether colours have half the resolution (4:2:0).

        Returns:
            Of the same shape, whole numbers from 0 to 255.
        """
        ycc = torch.einsum("ij,bjhw->bihw", self._to_ycc, pictures - 128)
        scale = torch.where(quality < _MIDDLE_QUALITY, 5000 / quality, 200 - 2 * quality)
        tables = ((self._tables * scale[:, None, None, None] + 50) / 100).floor().clamp(1, 255)
        luma = self._quantise(ycc[:, :1], tables[:, 0])
        small = self._quantise(F.avg_pool2d(ycc[:, 1:], 2), tables[:, 1])
        smooth = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
        whole = self._quantise(ycc[:, 1:], tables[:, 1])
        chroma = torch.where(halved[:, None, None, None], smooth, whole)
        rgb = torch.einsum("ij,bjhw->bihw", self._to_rgb, torch.cat((luma, chroma), dim=1))
        return to_bytes(rgb + 128)

    def _quantise(self, planes: Tensor, table: Tensor) -> Tensor:
        batch, channels, height, width = planes.shape
        shape = (batch, channels, height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX)
        blocks = planes.reshape(shape).transpose(3, 4)
        step = table[:, None, None, None]
        coefficients = (self._dct @ blocks @ self._dct.T / step).round() * step
        blocks = self._dct.T @ coefficients @ self._dct
        return blocks.transpose(3, 4).reshape(batch, channels, height, width)


def to_bytes(values: Tensor) -> Tensor:
    """Whole numbers from 0 to 255, still as floats."""
    return values.round().clamp(0, 255)


def _shift(pictures: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Moves each by whole pixels; what comes in repeats the edge."""
    _, channels, height, width = pictures.shape
    rows = (torch.arange(height, device=pictures.device) - down[:, None]).clamp(0, height - 1)
    columns = (torch.arange(width, device=pictures.device) - right[:, None]).clamp(0, width - 1)
    moved = pictures.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width))
    return moved.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))
