"""EdgeFace, the recognition network: a 112x112 face crop in, a 512-d embedding out.

George et al., "EdgeFace: Efficient Face Recognition Model for Edge Devices", T-BIOM 2024
(arXiv:2307.01838), which is EdgeNeXt (Maaz et al., arXiv:2206.10589) with a 512-d head and, in the
`gamma` variants, every linear layer replaced by a low-rank pair (LoRaLin, EdgeFace section III-B;
in the published checkpoints the head's too). Module names follow those checkpoints, so that they
load with `strict=True`; that is the only reason for names like `model.stages.1.blocks.1.gamma_xca`.

Blocks from small to large: LowRankLinear, Mlp, ConvEncoder, PositionalEncoding,
CrossCovarianceAttention, TransposeEncoder (the paper's SDTA encoder), Stage, EdgeNeXt, EdgeFace.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.vision.dimensions import EMBEDDING_SIZE

_NORM_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Variant:
    """The numbers in which the published networks differ; one entry per stage.

    `rank_ratio` is the paper's gamma: the rank of a low-rank pair relative to the smaller side of
    the layer that it replaces. None leaves the layers whole.
    """

    depths: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    heads: int
    rank_ratio: float | None = None


VARIANTS = {
    "edgeface_xxs": Variant((2, 2, 6, 2), (24, 48, 88, 168), heads=4),
    "edgeface_xs": Variant((3, 3, 9, 3), (32, 64, 100, 192), heads=4),
    "edgeface_xs_gamma_06": Variant((3, 3, 9, 3), (32, 64, 100, 192), heads=4, rank_ratio=0.6),
    "edgeface_s_gamma_05": Variant((3, 3, 9, 3), (48, 96, 160, 304), heads=8, rank_ratio=0.5),
    "edgeface_base": Variant((3, 3, 9, 3), (80, 160, 288, 584), heads=8),
}

# Shared by all variants (EdgeNeXt, table 1).
_KERNEL_SIZES = (3, 5, 7, 9)
_SCALES = (2, 2, 3, 4)
_ENCODERS_WITH_ATTENTION = (0, 1, 1, 1)
_STAGE_WITH_POSITIONS = 1
_EXPANSION = 4
_LAYER_SCALE_INIT = 1e-6


class LowRankLinear(nn.Module):
    """LoRaLin: a linear layer as the product of two thin ones (EdgeFace, section III-B)."""

    def __init__(self, in_features: int, out_features: int, rank_ratio: float) -> None:
        super().__init__()
        rank = max(2, int(min(in_features, out_features) * rank_ratio))
        self.linear1 = nn.Linear(in_features, rank, bias=False)
        self.linear2 = nn.Linear(rank, out_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.linear1(x))


def _linear(in_features: int, out_features: int, rank_ratio: float | None) -> nn.Module:
    if rank_ratio is None:
        return nn.Linear(in_features, out_features)
    return LowRankLinear(in_features, out_features, rank_ratio)


class Mlp(nn.Module):
    """Two linear layers with GELU between, over the last axis."""

    def __init__(self, channels: int, rank_ratio: float | None) -> None:
        super().__init__()
        self.fc1 = _linear(channels, channels * _EXPANSION, rank_ratio)
        self.fc2 = _linear(channels * _EXPANSION, channels, rank_ratio)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of an NCHW map."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvEncoder(nn.Module):
    """Depth-wise convolution, then an inverted bottleneck (EdgeNeXt, section 3.1)."""

    def __init__(self, channels: int, kernel_size: int, rank_ratio: float | None) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(
            channels, channels, kernel_size, padding=kernel_size // 2, groups=channels
        )
        self.norm = nn.LayerNorm(channels, eps=_NORM_EPS)
        self.mlp = Mlp(channels, rank_ratio)
        self.gamma = nn.Parameter(torch.full((channels,), _LAYER_SCALE_INIT))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_dw(x).permute(0, 2, 3, 1)
        y = self.gamma * self.mlp(self.norm(y))
        return x + y.permute(0, 3, 1, 2)


class PositionalEncoding(nn.Module):
    """Fourier features of the grid position, projected to the channels by a 1x1 convolution."""

    _HIDDEN = 32
    _TEMPERATURE = 10_000

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.token_projection = nn.Conv2d(2 * self._HIDDEN, channels, kernel_size=1)

    def forward(self, height: int, width: int) -> Tensor:
        """Returns (1, channels, height, width)."""
        weight = self.token_projection.weight
        pair = torch.arange(self._HIDDEN // 2, device=weight.device, dtype=weight.dtype)
        wavelength = self._TEMPERATURE ** (2 * pair / self._HIDDEN)

        def features(length: int) -> Tensor:
            place = torch.arange(1, length + 1, device=weight.device, dtype=weight.dtype)
            angle = (place / (length + 1e-6) * 2 * torch.pi)[:, None] / wavelength
            return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)

        rows = features(height)[:, None, :].expand(height, width, self._HIDDEN)
        columns = features(width)[None, :, :].expand(height, width, self._HIDDEN)
        grid = torch.cat((rows, columns), dim=-1).permute(2, 0, 1)[None]
        return self.token_projection(grid)


class CrossCovarianceAttention(nn.Module):
    """Attention between channels instead of places, linear in the number of places (XCiT)."""

    def __init__(self, channels: int, heads: int, rank_ratio: float | None) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = _linear(channels, channels * 3, rank_ratio)
        self.proj = _linear(channels, channels, rank_ratio)

    def forward(self, x: Tensor) -> Tensor:
        """Takes and returns (batch, places, channels)."""
        batch, places, channels = x.shape
        qkv = self.qkv(x).view(batch, places, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 4, 1)
        attention = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        y = (attention * self.temperature).softmax(dim=-1) @ value
        return self.proj(y.permute(0, 3, 1, 2).reshape(batch, places, channels))


class TransposeEncoder(nn.Module):
    """Split depth-wise transpose attention, the SDTA encoder (EdgeNeXt, section 3.2).

    The channels are split; each split but the last is convolved depth-wise and added to the next,
    which widens the receptive field step by step. Attention across the channels follows.
    """

    def __init__(
        self,
        channels: int,
        scales: int,
        heads: int,
        rank_ratio: float | None,
        with_positions: bool,
    ) -> None:
        super().__init__()
        width = -(-channels // scales)
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1, groups=width) for _ in range(scales - 1)
        )
        self.pos_embd = PositionalEncoding(channels) if with_positions else None
        self.norm_xca = nn.LayerNorm(channels, eps=_NORM_EPS)
        self.gamma_xca = nn.Parameter(torch.full((channels,), _LAYER_SCALE_INIT))
        self.xca = CrossCovarianceAttention(channels, heads, rank_ratio)
        self.norm = nn.LayerNorm(channels, eps=_NORM_EPS)
        self.mlp = Mlp(channels, rank_ratio)
        self.gamma = nn.Parameter(torch.full((channels,), _LAYER_SCALE_INIT))

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        splits = x.chunk(len(self.convs) + 1, dim=1)
        convolved = [self.convs[0](splits[0])]
        for conv, split in zip(self.convs[1:], splits[1:-1], strict=True):
            convolved.append(conv(convolved[-1] + split))
        y = torch.cat((*convolved, splits[-1]), dim=1)
        if self.pos_embd is not None:
            y = y + self.pos_embd(height, width)
        y = y.flatten(2).transpose(1, 2)
        y = y + self.gamma_xca * self.xca(self.norm_xca(y))
        y = self.gamma * self.mlp(self.norm(y))
        return x + y.transpose(1, 2).reshape(batch, channels, height, width)


class Stage(nn.Module):
    """Halves the map (all stages but the first), then convolutional encoders, then attention."""

    def __init__(self, variant: Variant, index: int) -> None:
        super().__init__()
        channels = variant.channels[index]
        if index == 0:
            self.downsample: nn.Module = nn.Identity()
        else:
            before = variant.channels[index - 1]
            self.downsample = nn.Sequential(
                ChannelNorm(before, eps=_NORM_EPS), nn.Conv2d(before, channels, 2, stride=2)
            )
        with_attention = _ENCODERS_WITH_ATTENTION[index]
        blocks: list[nn.Module] = [
            ConvEncoder(channels, _KERNEL_SIZES[index], variant.rank_ratio)
            for _ in range(variant.depths[index] - with_attention)
        ]
        blocks += [
            TransposeEncoder(
                channels,
                _SCALES[index],
                variant.heads,
                variant.rank_ratio,
                with_positions=index == _STAGE_WITH_POSITIONS,
            )
            for _ in range(with_attention)
        ]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.downsample(x))


class Head(nn.Module):
    """Global average, layer norm, one linear layer to the embedding."""

    def __init__(self, channels: int, rank_ratio: float | None) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=_NORM_EPS)
        self.fc = _linear(channels, EMBEDDING_SIZE, rank_ratio)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(x.mean(dim=(2, 3))))


class EdgeNeXt(nn.Module):
    """Stem (4x4 patches), four stages, head."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        first = variant.channels[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 4, stride=4), ChannelNorm(first, eps=_NORM_EPS)
        )
        self.stages = nn.Sequential(*(Stage(variant, index) for index in range(4)))
        self.head = Head(variant.channels[-1], variant.rank_ratio)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stages(self.stem(x)))


class EdgeFace(nn.Module):
    """The recognition network.

    Args:
        variant: A name in `VARIANTS`.

    Raises:
        KeyError: The variant is unknown.
    """

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.variant = variant
        self.model = EdgeNeXt(VARIANTS[variant])
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, crops: Tensor) -> Tensor:
        """Embeds crops.

        Args:
            crops: (batch, 3, 112, 112) float32, RGB, scaled to [-1, 1].

        Returns:
            (batch, 512) float32, not normalised.
        """
        return self.model(crops)
