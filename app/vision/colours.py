"""From the colours of a file to sRGB."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms

_PROFILE_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
# A profile that moves no colour by more than this is just sRGB under another name.
_SAME_COLOUR = 3
_BITS = 8


def to_srgb(photo: PillowImage.Image) -> Callable[[PillowImage.Image], PillowImage.Image]:
    """How parts of a photo are converted to 8-bit sRGB.

    A colour profile is applied; one that is damaged, or does not match the photo's colours, is
    ignored. Transparent parts become white, as on a page. Grey of more than 8 bit
    is scaled by the bits that the brightest pixel needs: cameras write 10 or 12 into 16.

    Args:
        photo: Loaded.

    Returns:
        From a part of the photo, cut out by Pillow, to one of mode RGB.
    """
    brightest = _brightest(photo)
    # In old 32-bit BMP files the fourth byte means nothing, and is 0.
    is_opaque = (
        photo.format == "BMP" and photo.mode == "RGBA" and not photo.getchannel("A").getbbox()
    )
    transform = _transform(photo)

    def convert(part: PillowImage.Image) -> PillowImage.Image:
        if brightest is not None:
            grey = np.asarray(part).astype(np.float32) * (255 / brightest)
            part = PillowImage.fromarray(np.nan_to_num(grey).clip(0, 255).round().astype(np.uint8))
        elif part.has_transparency_data and not is_opaque:
            cutout = part.convert("RGBA")
            page = PillowImage.new("RGBA", cutout.size, "white")
            part = PillowImage.alpha_composite(page, cutout).convert("RGB")
        if transform is not None:
            return _applied(transform, part.convert(_plain(part.mode)))
        return part if part.mode == "RGB" else part.convert("RGB")

    return convert


def _brightest(photo: PillowImage.Image) -> float | None:
    """The value that becomes white in grey of more than 8 bits; None for other photos."""
    if photo.mode not in {"I", "F"} and not photo.mode.startswith("I;16"):
        return None
    values = np.asarray(photo)
    most = float(values.max(initial=0, where=np.isfinite(values)))
    if photo.mode == "F" and most <= 1:
        return 1.0
    bits = max(_BITS, int(min(most, 2.0**32)).bit_length())
    return float((1 << bits) - 1)


def _plain(mode: str) -> str:
    """The mode in which a profile is applied."""
    is_grey = mode in {"1", "L", "I", "F"} or mode.startswith("I;16")
    return "L" if is_grey else "CMYK" if mode == "CMYK" else "RGB"


def _transform(photo: PillowImage.Image) -> ImageCms.ImageCmsTransform | None:
    """None if the photo's numbers are sRGB, or nothing better is known."""
    content = photo.info.get("icc_profile")
    mode = "RGB" if photo.has_transparency_data else _plain(photo.mode)
    if not content:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(content))
        if profile.profile.xcolor_space != _PROFILE_SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if mode != "CMYK" and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    plain = PillowImage.fromarray(colours).convert(mode)
    before = np.asarray(plain.convert("RGB")).astype(int)
    return int(np.abs(np.asarray(_applied(transform, plain)) - before).max()) <= _SAME_COLOUR


def _applied(transform: ImageCms.ImageCmsTransform, part: PillowImage.Image) -> PillowImage.Image:
    converted = ImageCms.applyTransform(part, transform)
    assert converted is not None
    return converted
