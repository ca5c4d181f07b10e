"""Depth-wise convolution of small maps as a matrix product per channel.

EdgeFace's kernels reach 9 pixels where maps are 14, 7 and 3 pixels wide. There a GPU's depth-wise
convolution, and its gradient above all, waits for memory; a dense product is faster though it
multiplies more.
"""

import torch
from torch import Tensor, nn

from app.vision.edgeface import EdgeFace


class DenseDepthwise(nn.Module):
    """The same function as a depth-wise convolution, for square maps of one size.

    Args:
        conv: Whose weights it shares.
        map_px: Width of the map.
    """

    basis: Tensor

    def __init__(self, conv: nn.Conv2d, map_px: int) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias
        kernel_px, padding = conv.kernel_size[0], int(conv.padding[0])
        place = torch.arange(map_px)
        # Which weight connects an input place (second) with an output place (first), per axis.
        tap = place[None, :] - place[:, None] + padding
        inside = (tap >= 0) & (tap < kernel_px)
        axis = torch.zeros(kernel_px, map_px, map_px)
        rows, columns = inside.nonzero(as_tuple=True)
        axis[tap[inside], rows, columns] = 1
        basis = torch.einsum("aij,bkl->abikjl", axis, axis)
        places = map_px * map_px
        self.register_buffer(
            "basis", basis.reshape(kernel_px * kernel_px, places * places), persistent=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Takes and returns (batch, channels, map, map)."""
        batch, channels, height, width = x.shape
        places = height * width
        matrices = (self.weight.flatten(1) @ self.basis).view(channels, places, places)
        flat = x.permute(1, 0, 2, 3).reshape(channels, batch, places)
        y = torch.bmm(flat, matrices.transpose(1, 2))
        y = y.view(channels, batch, height, width).permute(1, 0, 2, 3)
        if self.bias is not None:
            y = y + self.bias[:, None, None]
        return y.contiguous(memory_format=torch.channels_last)


_MAPS_PX = (28, 14, 7, 3)


def make_dense(edgeface: EdgeFace, maps_px: list[int]) -> None:
    """Replaces the depth-wise convolutions of maps of these sizes, in place."""
    for map_px, stage in zip(_MAPS_PX, edgeface.model.stages, strict=True):
        if map_px not in maps_px:
            continue
        for module in list(stage.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Conv2d) and child.groups > 1:
                    setattr(module, name, DenseDepthwise(child, map_px))
