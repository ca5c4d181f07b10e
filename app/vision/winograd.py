"""A 3x3 convolution with fewer multiplications, for CPUs limited by those.

Winograd's minimal filtering (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks",
arXiv:1509.09308, equation 6), along the height alone: seven output rows take nine products of rows
instead of twenty-one. Rows are coefficients of polynomials: a kernel g and the rows d that it sees
are evaluated at nine points (G g and B' d), multiplied there, and the seven rows are read off the
product (A'). Everything but the multiplication costs little, because all channels share it.
"""

from math import prod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

_KERNEL = 3
_ROWS_OUT = 7
_ROWS_IN = _ROWS_OUT + _KERNEL - 1
# Small powers of two: rounding stays small, and the matrices are exact. Infinity is the ninth.
_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, -4.0)


class WinogradConvolution(nn.Module):
    """Computes what a convolution computes, on maps of one size, up to rounding.

    Args:
        convolution: 3x3, stride 1, padding 1.
        side: Height and width of the maps that it will see; a multiple of 7.
    """

    def __init__(self, convolution: nn.Conv2d, side: int) -> None:
        super().__init__()
        assert convolution.kernel_size == (_KERNEL, _KERNEL)
        assert convolution.padding == (1, 1)
        assert convolution.bias is not None
        assert side % _ROWS_OUT == 0
        self.side, self.strips = side, side // _ROWS_OUT
        self.channels_out, self.channels_in = convolution.weight.shape[:2]
        output, kernel, rows = _matrices()
        # As matrices for a whole map: strips of nine rows, seven apart, overlapping by two.
        into = torch.zeros(_ROWS_IN, self.strips, side + 2, dtype=torch.float64)
        out_of = torch.zeros(side, _ROWS_IN, self.strips, dtype=torch.float64)
        for strip in range(self.strips):
            first = strip * _ROWS_OUT
            into[:, strip, first : first + _ROWS_IN] = rows
            out_of[first : first + _ROWS_OUT, :, strip] = output
        # The first and the last row are padding.
        self.into = nn.Parameter(into[:, :, 1:-1].reshape(-1, side).float())
        self.out_of = nn.Parameter(out_of.reshape(side, -1).float())
        # Evaluated at the points when a session is opened: that makes three times as many numbers.
        self.kernel = nn.Parameter(kernel.float())
        by_rows = convolution.weight.detach().permute(2, 0, 1, 3)
        self.weight = nn.Parameter(by_rows.reshape(_KERNEL, -1))
        # What is added at the point 1 is added to every row of output.
        bias = torch.zeros(_ROWS_IN, self.channels_out)
        bias[_POINTS.index(1.0)] = convolution.bias.detach()
        self.bias = nn.Parameter(bias.flatten())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels in, side, side) -> (batch, channels out, side, side)."""
        points, place = _ROWS_IN, self.strips * self.side
        x = (self.into @ x).reshape(-1, self.channels_in, points, place).transpose(1, 2)
        x = x.reshape(-1, points * self.channels_in, self.strips, self.side)
        weight = (self.kernel @ self.weight).reshape(-1, self.channels_in, 1, _KERNEL)
        # Each point has its own convolution along the width.
        x = F.conv2d(x, weight, self.bias, padding=(0, 1), groups=points)
        x = x.reshape(-1, points, self.channels_out, place).transpose(1, 2)
        return self.out_of @ x.reshape(-1, self.channels_out, points * self.strips, self.side)


def _matrices() -> tuple[Tensor, Tensor, Tensor]:
    """A' (7, 9), G (9, 3) and B' (9, 9) by Toom and Cook's construction (appendix of the paper)."""
    points = np.array(_POINTS)
    infinity = np.eye(_ROWS_IN)[-1]
    others = [np.delete(points, index) for index in range(len(points))]
    scale = [prod(point - rest) for point, rest in zip(points, others, strict=True)]

    def powers(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        return np.vander(points, count, increasing=True)

    output = np.vstack([powers(_ROWS_OUT), infinity[-_ROWS_OUT:]]).T
    kernel = np.vstack([powers(_KERNEL) / np.array(scale)[:, None], infinity[-_KERNEL:]])
    rows = [np.append(np.poly(rest)[::-1], 0.0) for rest in others]
    rows.append(np.poly(points)[::-1])
    return torch.from_numpy(output), torch.from_numpy(kernel), torch.from_numpy(np.array(rows))
