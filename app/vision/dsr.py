"""DSR, the face super-resolution network: an enlarged tiny face in, one that EdgeFace can read out.

The crop is already warped (bicubic) to 112x112, so one network serves every source size; how much
of it is real detail is given by its `face_px`. Pixel-unshuffle (Shi et al., arXiv:1609.05158) folds
it to 28x28 places, where the work is cheap; residual blocks with max-feature-map activation (Wu et
al., "A Light CNN", arXiv:1511.02683) and a few attention blocks over the 784 places estimate what
to add; pixel-shuffle unfolds that, and it is added to the input.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

FACE_PX_RANGE = (8.0, 64.0)
FOLD = 4
"""Pixels along each side of one place."""

_FOLDED_CHANNELS = 3 * FOLD**2


class MaxFeatureMap(nn.Module):
    """Halves the channels by taking the larger of each pair (Light CNN, equation 2)."""

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=1)
        # max(a, b), written so that its backward pass is one mask instead of four.
        return second + F.relu(first - second)


class ResidualBlock(nn.Module):
    """Two convolutions with max-feature-map; the size condition scales and shifts in between."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.activation = MaxFeatureMap()
        self.condition = nn.Linear(channels, 2 * channels)
        self.conv2 = nn.Conv2d(channels, 2 * channels, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.condition(condition)[:, :, None, None].chunk(2, dim=1)
        y = self.activation(self.conv1(x)) * (1 + scale) + shift
        return x + self.activation(self.conv2(y))


class AttentionBlock(nn.Module):
    """Multi-head attention over all places; eyes and mouth of a face inform each other.

    Every place asks, but keys and values are averages of 2x2 places (spatial reduction, Wang et
    al., arXiv:2102.12122), which makes the block four times cheaper.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        places = self.norm(x.permute(0, 2, 3, 1))
        query = self._split(self.query(places))
        pooled = F.avg_pool2d(places.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        key, value = self.key_value(pooled).chunk(2, dim=-1)
        y = F.scaled_dot_product_attention(query, self._split(key), self._split(value))
        y = self.proj(y.transpose(1, 2).reshape(batch, height, width, channels))
        return x + y.permute(0, 3, 1, 2)

    def _split(self, x: Tensor) -> Tensor:
        """(batch, height, width, channels) -> (batch, heads, places, channels per head)."""
        batch, height, width, channels = x.shape
        split = x.reshape(batch, height * width, self.heads, channels // self.heads)
        return split.transpose(1, 2)


class DSR(nn.Module):
    """The super-resolution network.

    Args:
        channels: Width of the trunk.
        blocks: Residual blocks; an attention block follows every second one.
        heads: Attention heads; divides `channels`.
    """

    def __init__(self, channels: int = 48, blocks: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.architecture = {"channels": channels, "blocks": blocks, "heads": heads}
        self.condition = nn.Sequential(
            nn.Linear(1, channels), nn.GELU(), nn.Linear(channels, channels), nn.GELU()
        )
        self.entry = nn.Conv2d(_FOLDED_CHANNELS, channels, 3, padding=1)
        self.residual = nn.ModuleList(ResidualBlock(channels) for _ in range(blocks))
        self.attention = nn.ModuleList(AttentionBlock(channels, heads) for _ in range(blocks // 2))
        self.exit = nn.Conv2d(channels, _FOLDED_CHANNELS, 3, padding=1)
        # An untrained network must hand its input through unchanged: training then starts from
        # the bicubic crop instead of from noise.
        nn.init.zeros_(self.exit.weight)
        assert self.exit.bias is not None
        nn.init.zeros_(self.exit.bias)

    def forward(self, crops: Tensor, face_px: Tensor) -> Tensor:
        """Restores crops.

        Args:
            crops: (batch, 3, 112, 112) float32, RGB, scaled to [-1, 1].
            face_px: (batch,) float32, source pixels under the crop's side; clamped to 8..64.

        Returns:
            (batch, 3, 112, 112) float32, RGB, about [-1, 1] (not clamped: clamping would cut the
            gradient in training, and EdgeFace does not need it).
        """
        low, high = FACE_PX_RANGE
        middle, half = math.log(low * high) / 2, math.log(high / low) / 2
        size = (face_px.clamp(low, high).log() - middle) / half
        condition = self.condition(size[:, None])
        x = self.entry(F.pixel_unshuffle(crops, FOLD))
        for index, block in enumerate(self.residual):
            x = block(x, condition)
            if index % 2 == 1:
                x = self.attention[index // 2](x)
        return crops + F.pixel_shuffle(self.exit(x), FOLD)
