"""Pictures with boxes around faces, and captions."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from app.tracking.events import Followed
from app.vision.detector import Rectangle
from app.vision.image import Image
from farsight_client import IdentifiedFace

_KNOWN, _UNKNOWN, _UNDECIDED = "lime", "orange", "white"
# Of the picture's longer side: readable on a phone's photo and on a small crop.
_TEXT_SHARE = 0.025
_SMALLEST_TEXT_PX = 10


def draw_identified(image: Image, faces: Sequence[IdentifiedFace]) -> Image:
    """Who is who: a box per face, with the user_id or "unknown", and the similarity."""
    picture, draw, text_px = _begin(image)
    for face in faces:
        colour = _UNKNOWN if face.user_id is None else _KNOWN
        box = (face.box.x, face.box.y, face.box.width, face.box.height)
        _draw_box(draw, box, colour, text_px)
        similarity = "" if face.similarity is None else f" {face.similarity:.2f}"
        words = f"{face.user_id or 'unknown'}{similarity}"
        _write(draw, (face.box.x, face.box.y + face.box.height), words, colour, text_px)
    return np.asarray(picture)


def draw_followed(image: Image, faces: Sequence[Followed]) -> Image:
    """A camera's frame: a box per face, with its user_id, "unknown", or "?" until decided."""
    picture, draw, text_px = _begin(image)
    for face in faces:
        user_id = face.verdict and face.verdict.user_id
        colour = _UNDECIDED if face.verdict is None else _KNOWN if user_id else _UNKNOWN
        words = "?" if face.verdict is None else user_id or "unknown"
        _draw_box(draw, face.box, colour, text_px)
        _write(draw, (face.box[0], face.box[1] + face.box[3]), words, colour, text_px)
    return np.asarray(picture)


def draw_frame(image: Image, text: str, boxes: Sequence[Rectangle], colour: str) -> Image:
    """A frame with advice along its upper edge."""
    picture, draw, text_px = _begin(image)
    for box in boxes:
        _draw_box(draw, box, colour, text_px)
    _write(draw, (0, 0), text, colour, text_px)
    return np.asarray(picture)


def _begin(image: Image) -> tuple[PillowImage.Image, ImageDraw.ImageDraw, int]:
    picture = PillowImage.fromarray(image)
    text_px = max(_SMALLEST_TEXT_PX, round(_TEXT_SHARE * max(picture.size)))
    return picture, ImageDraw.Draw(picture), text_px


def _draw_box(draw: ImageDraw.ImageDraw, box: Rectangle, colour: str, text_px: int) -> None:
    x, y, width, height = box
    draw.rectangle((x, y, x + width, y + height), outline=colour, width=max(1, text_px // 8))


def _write(
    draw: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, colour: str, text_px: int
) -> None:
    font = ImageFont.load_default(text_px)
    draw.rectangle(draw.textbbox(corner, text, font=font), fill="black")
    draw.text(corner, text, fill=colour, font=font)
