"""The damage of `trainer.degradation`, and more, for whole batches on a GPU.

A batch of a thousand faces costs OpenCV a second of sixteen cores; here it costs milliseconds.
Resizing is a product with a matrix per size (area as OpenCV's, the others torch's), blur a
multiplication of spectra, JPEG a quantised DCT. Half of a camera's damage is applied twice, as for
photos that were scaled and saved before somebody scaled and saved them again (Wang et al.,
"Real-ESRGAN", arXiv:2107.10833, section 3).
"""

import math
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from app.vision.dimensions import CROP_SIZE_PX
from app.vision.scaling import HALF_RANGE
from trainer.gpu_chance import Draw
from trainer.gpu_jpeg import TO_YCC, Jpeg, to_bytes

MIN_FACE_PX = 8
_CANVAS_PX = 128
"""The largest small picture (112 px) and a JPEG grid's phase (7 px), in whole chroma blocks."""
_SMALL_CANVAS_PX = 64
_BORDER_PX = 24
"""Replicated around a crop before its spectrum is taken, which would wrap around."""

_DOWNSAMPLERS = ("area", "linear", "cubic", "nearest", "linear smoothed", "cubic smoothed")
_DOWNSAMPLER_ODDS = (0.4, 0.12, 0.12, 0.06, 0.15, 0.15)
# A Gaussian is round or long.
_ROUND, _LONG, _MOTION, _DEFOCUS = range(4)
_BLUR_ODDS = (0.3, 0.25, 0.25, 0.2)
_ENLARGERS = ("cubic", "linear", "nearest")
_ENLARGER_ODDS = (0.5, 0.4, 0.1)


@dataclass(frozen=True, slots=True)
class View:
    """A degraded batch.

    Attributes:
        pixels: (batch, 3, 112, 112) float32, whole numbers from 0 to 255, RGB.
        aligned: (batch,) whether the face is still in place, so that pixels may be compared.
    """

    pixels: Tensor
    aligned: Tensor


class GpuDegradation:
    """Makes small views of batches; chance comes from the generator that each call is given.

    Args:
        device: Where batches are.
    """

    def __init__(self, device: torch.device) -> None:
        down = torch.stack([_resizers(name, shrink=True) for name in _DOWNSAMPLERS])
        up = torch.stack([_resizers(name, shrink=False) for name in _ENLARGERS])
        self._down, self._up = down.to(device), up.to(device)
        self._jpeg = Jpeg(device)
        self._device = device

    def draw_face_px(self, count: int, low: float, high: float, chance: Generator) -> Tensor:
        """(count,) int64 face sizes in source pixels, log-uniform."""
        share = torch.rand(count, generator=chance, device=self._device)
        log_px = math.log(low) + share * (math.log(high) - math.log(low))
        return log_px.exp().round().long()

    def shrink_and_enlarge(self, crops: Tensor, face_px: Tensor) -> Tensor:
        """Area averaging and bicubic enlarging: the evaluation protocol.

        Args:
            crops: (batch, 3, 112, 112) float32, 0 to 255.
            face_px: (batch,) int64, 8 to 112.

        Returns:
            (batch, 3, 112, 112) float32, whole numbers from 0 to 255.
        """
        small = to_bytes(_resize(crops, self._down[0, face_px]))
        return to_bytes(_resize(small, self._up[0, face_px]))

    def photograph(
        self, crops: Tensor, face_px: Tensor, chance: Generator, max_px: float = CROP_SIZE_PX
    ) -> View:
        """What optics, sensors, cameras' software and the web do to faces of given sizes.

        Args:
            crops: (batch, 3, 112, 112) float32, 0 to 255.
            face_px: (batch,) int64, 8 to 112: size of the last small picture.
            chance: The only source of chance, on the device.
            max_px: No size is above this; smaller sizes mean less work.
        """
        draw = Draw(len(crops), chance, self._device)
        # Room for the phase of a JPEG grid.
        canvas_px = _SMALL_CANVAS_PX if max_px <= _SMALL_CANVAS_PX - 8 else _CANVAS_PX
        source_px = CROP_SIZE_PX / face_px
        roll = _affine(draw.normal() * 0.17 * draw.odds(0.7), draw.none(), draw.none(), draw.none())
        seen = _warp(crops, _inverse(roll))
        seen = _blur(seen, source_px, draw)
        seen = self._earlier_picture(seen, face_px, draw)

        small = _resize(seen, self._down[draw.choice(_DOWNSAMPLER_ODDS), face_px][:, :canvas_px])
        small = self._develop(_relight(small, draw), draw)

        reach = (0.35 * source_px).clamp(max=3.0)
        erring = draw.odds(0.5)
        error = _affine(
            draw.normal() * 0.035 * erring,
            draw.normal() * 0.03 * erring,
            draw.normal() * reach * erring,
            draw.normal() * reach * erring,
        )
        view = _enlarge(small, face_px, roll @ error)
        return View(view, erring == 0)

    def _earlier_picture(self, seen: Tensor, face_px: Tensor, draw: "Draw") -> Tensor:
        """Two in five faces were once a picture of another, even smaller, size."""
        size = face_px * (draw.uniform(math.log(0.7), math.log(3.0))).exp()
        earlier_px = size.round().long().clamp(MIN_FACE_PX, CROP_SIZE_PX)
        small = _resize(seen, self._down[draw.choice(_DOWNSAMPLER_ODDS), earlier_px])
        small = self._develop(small, draw)
        enlarged = _resize(small, self._up[draw.choice(_ENLARGER_ODDS), earlier_px])
        return torch.where(draw.odds(0.4)[:, None, None, None] > 0, to_bytes(enlarged), seen)

    def _develop(self, small: Tensor, draw: "Draw") -> Tensor:
        """Noise, smoothing, sharpening and JPEG, each for some, in one of two orders."""
        late = draw.odds(0.3)
        noisy = draw.odds(0.3)
        small = _add_noise(small, noisy * (1 - late), draw)
        small = _soften(small, draw.odds(0.25) * draw.uniform(0.2, 0.9))
        small = _soften(small, -draw.odds(0.3) * draw.uniform(0.2, 1.2))
        small = _add_noise(small, noisy * late, draw)
        return self._jpeg(to_bytes(small), draw)


@cache
def _resizers(name: str, *, shrink: bool) -> Tensor:
    """(113, to, from) a matrix for each size, which stays within its canvas.

    Shrinking fills the canvas beyond the small picture with its last row; enlarging reads none of
    it. Sizes below the least have no matrix.
    """
    shape = (
        (CROP_SIZE_PX + 1, _CANVAS_PX, CROP_SIZE_PX)
        if shrink
        else (CROP_SIZE_PX + 1, CROP_SIZE_PX, _CANVAS_PX)
    )
    matrices = torch.zeros(shape)
    rows = torch.arange(_CANVAS_PX)
    for size in range(MIN_FACE_PX, CROP_SIZE_PX + 1):
        if shrink:
            matrices[size] = _matrix(name, CROP_SIZE_PX, size)[rows.clamp(max=size - 1)]
        else:
            matrices[size, :, :size] = _matrix(name, size, CROP_SIZE_PX)
    return matrices


def _matrix(name: str, source: int, target: int) -> Tensor:
    """(target, source) weights; each row sums to one."""
    if name == "area":
        edges = torch.arange(target + 1, dtype=torch.float64) * source / target
        pixel = torch.arange(source, dtype=torch.float64)
        covered = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
        return (covered.clamp(min=0) * target / source).float()
    kind, *smoothed = name.split()
    mode = {"linear": "bilinear", "cubic": "bicubic", "nearest": "nearest-exact"}[kind]
    identity = torch.eye(source)[None, None]
    if mode == "nearest-exact":
        return F.interpolate(identity, (target, source), mode=mode)[0, 0]
    return F.interpolate(
        identity, (target, source), mode=mode, align_corners=False, antialias=bool(smoothed)
    )[0, 0]


def _resize(pictures: Tensor, matrices: Tensor) -> Tensor:
    """Rows, then columns; the picture may be larger than what the matrix reads."""
    matrices = matrices[:, None, :, : pictures.shape[-1]]
    return matrices @ pictures @ matrices.transpose(2, 3)


def _affine(angle: Tensor, log_scale: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """(batch, 3, 3) about the crop's centre, which is the origin; pixels of the crop."""
    cosine, sine = angle.cos() * log_scale.exp(), angle.sin() * log_scale.exp()
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = (cosine, -sine, right, sine, cosine, down, zero, zero, one)
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def _inverse(affine: Tensor) -> Tensor:
    """Of a rotation."""
    return affine.transpose(1, 2)


def _places(affine: Tensor) -> tuple[Tensor, Tensor]:
    """Where each pixel of the crop is taken from: (batch, 112, 112) x and y from the centre."""
    middle = (CROP_SIZE_PX - 1) / 2
    y, x = torch.meshgrid(
        torch.arange(CROP_SIZE_PX, device=affine.device) - middle,
        torch.arange(CROP_SIZE_PX, device=affine.device) - middle,
        indexing="ij",
    )
    a = affine[:, :, :, None, None]
    return (
        a[:, 0, 0] * x + a[:, 0, 1] * y + a[:, 0, 2],
        a[:, 1, 0] * x + a[:, 1, 1] * y + a[:, 1, 2],
    )


def _warp(crops: Tensor, affine: Tensor) -> Tensor:
    x, y = _places(affine)
    grid = torch.stack((x, y), dim=-1) * 2 / CROP_SIZE_PX
    return F.grid_sample(crops, grid, "bilinear", "border", align_corners=False)


def _enlarge(small: Tensor, face_px: Tensor, affine: Tensor) -> Tensor:
    """Bicubic, as `app.vision.alignment` enlarges."""
    x, y = _places(affine)
    canvas_px = small.shape[-1]
    to_small = (face_px / CROP_SIZE_PX)[:, None, None]
    # Pixels from the picture's left edge, then the scale that grid_sample has: -1 to 1 over all.
    half = CROP_SIZE_PX / 2
    grid = torch.stack(((x + half) * to_small, (y + half) * to_small), dim=-1)
    grid = grid.minimum(face_px[:, None, None, None].float()) * 2 / canvas_px - 1
    return to_bytes(F.grid_sample(small, grid, "bicubic", "border", align_corners=False))


def _blur(pictures: Tensor, source_px: Tensor, draw: Draw) -> Tensor:
    """Half of them: a Gaussian, a longish one, a motion or a lens out of focus, by its spectrum.

    Most stay below a source pixel, an eighth goes beyond one.
    """
    padded = F.pad(pictures, (_BORDER_PX,) * 4, mode="replicate")
    side = padded.shape[-1]
    fy = torch.fft.fftfreq(side, device=draw.device)[:, None]
    fx = torch.fft.rfftfreq(side, device=draw.device)[None, :]
    angle = draw.uniform(0, math.pi)[:, None, None]
    along, across = fx * angle.cos() + fy * angle.sin(), fy * angle.cos() - fx * angle.sin()
    strength = torch.where(draw.odds(0.12) > 0, draw.uniform(0.8, 1.5), draw.uniform(0.2, 0.8))
    width = (strength * source_px).clamp(max=_BORDER_PX / 2)[:, None, None]
    stretch = draw.uniform(1.0, 2.5)[:, None, None] * torch.ones_like(width)
    kind = draw.choice(_BLUR_ODDS)[:, None, None]
    longer = torch.where(kind == _ROUND, torch.ones_like(stretch), stretch)
    gaussian = (-2 * (math.pi * width) ** 2 * ((along * longer) ** 2 + across**2)).exp()
    motion = torch.sinc(along * width * longer * 2) * (-2 * (0.3 * math.pi * across) ** 2).exp()
    radius = (2 * math.pi * width * 1.5 * (along**2 + across**2).sqrt()).clamp(min=1e-4)
    defocus = 2 * torch.special.bessel_j1(radius) / radius
    spectrum = torch.where(
        kind == _MOTION, motion, torch.where(kind == _DEFOCUS, defocus, gaussian)
    )
    spectrum = torch.where(draw.odds(0.5)[:, None, None] > 0, spectrum, torch.ones_like(spectrum))
    blurred = torch.fft.irfft2(torch.fft.rfft2(padded) * spectrum[:, None], s=(side, side))
    cut: Tensor = blurred[..., _BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX].clamp(0, 255)
    return cut


def _relight(small: Tensor, draw: Draw) -> Tensor:
    """Another contrast and brightness for a third, grey for a few."""
    lit = draw.odds(0.3)
    contrast = 1 + lit * draw.uniform(-0.3, 0.3)
    brightness = lit * draw.uniform(-30, 30)
    colours = 1 + (draw.noise((draw.count, 3)) * 0.08) * draw.odds(0.2)[:, None]
    small = (small - HALF_RANGE) * contrast[:, None, None, None] + HALF_RANGE
    small = (small + brightness[:, None, None, None]) * colours[:, :, None, None]
    weights = torch.tensor(TO_YCC[0], device=draw.device)[:, None, None]
    grey = (small * weights).sum(dim=1, keepdim=True).expand_as(small)
    return torch.where(draw.odds(0.08)[:, None, None, None] > 0, grey, small).clamp(0, 255)


def _add_noise(small: Tensor, noisy: Tensor, draw: Draw) -> Tensor:
    """A sensor's: more in the light, partly without colour, for half of them grainy."""
    batch, _, height, width = small.shape
    deviation = noisy * draw.uniform(0, math.log(10)).exp()
    noise = 0.7 * draw.noise((batch, 3, height, width)) + 0.7 * draw.noise(
        (batch, 1, height, width)
    )
    grainy = F.avg_pool2d(noise, 3, stride=1, padding=1) * 2
    noise = torch.where(draw.odds(0.4)[:, None, None, None] > 0, grainy, noise)
    shot = (0.4 + 0.6 * small.clamp(0, 255) / 128).sqrt()
    return small + noise * shot * deviation[:, None, None, None]


def _soften(small: Tensor, amount: Tensor) -> Tensor:
    """Moves towards a smoothed picture, or with a negative amount away from it: sharpening."""
    weights = torch.tensor([0.25, 0.5, 0.25], device=small.device)
    kernel = (weights[:, None] * weights).expand(small.shape[1], 1, 3, 3)
    padded = F.pad(small, (1, 1, 1, 1), mode="replicate")
    smooth = F.conv2d(padded, kernel, groups=small.shape[1])
    return small + amount[:, None, None, None] * (smooth - small)
