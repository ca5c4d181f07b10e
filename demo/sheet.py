"""The contact sheet: for each face and size, what was sent, read, restored and matched."""

from collections.abc import Sequence

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from app.vision.image import Image
from demo.probes import SMALL_PX
from demo.rows import Card, Row

_INK, _MUTED, _LINE = "#1f2328", "#59636e", "#d1d9e0"
_RIGHT, _MISSED, _WRONG = "#1a7f37", "#9a6700", "#cf222e"
_PAPER, _BLANK = "#ffffff", "#f6f8fa"

_TILE_PX = 84
_GAP_PX = 4
_CARD_PX = 2 * _TILE_PX + _GAP_PX
_CAPTION_PX = 56
_ROW_PX = _CARD_PX + _CAPTION_PX + 22
_MARGIN_PX = 24
_COLUMN_PX = _CARD_PX + 20
_PHOTO_PX = (168, _CARD_PX)
_FIRST_COLUMN_PX = _MARGIN_PX + _PHOTO_PX[0] + 28
_HEADER_PX = 258

_LEGEND = (
    ("the face", "as sent"),
    ("the crop",),
    ("the crop", "after DSR"),
    ("registered:", "nearest", "user"),
)


def draw_sheet(rows: Sequence[Row], bundle: str) -> PillowImage.Image:
    """Draws all rows.

    Args:
        rows: One per face.
        bundle: The name of what was serving, for the heading.
    """
    width = _FIRST_COLUMN_PX + (1 + len(SMALL_PX)) * _COLUMN_PX - 20 + _MARGIN_PX
    height = _HEADER_PX + len(rows) * _ROW_PX + _MARGIN_PX
    page = PillowImage.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(page)
    _draw_header(draw, bundle, width)
    for index, row in enumerate(rows):
        _draw_row(page, draw, row, _HEADER_PX + index * _ROW_PX)
    return page


def _draw_header(draw: ImageDraw.ImageDraw, bundle: str, width: int) -> None:
    _write(draw, (_MARGIN_PX, 24), "Farsight: how few pixels are enough?", 26)
    lines = (
        "Every photo is sent as it is, and shrunk until its faces have about",
        f"{', '.join(map(str, SMALL_PX))} px. A card has four pictures, see right.",
        "Below it: the answer; the similarity and the threshold that it has",
        "to reach; the face's size, and which route it took.",
        f"Weights: bundle {bundle}.",
    )
    for index, line in enumerate(lines):
        _write(draw, (_MARGIN_PX, 70 + 22 * index), line, 16, _MUTED)
    legend = (_FIRST_COLUMN_PX + len(SMALL_PX) * _COLUMN_PX, 24)
    for corner, lines_of_tile in zip(_tile_corners(legend), _LEGEND, strict=True):
        _draw_blank(draw, corner, lines_of_tile)
    for index, name in enumerate(("as it is", *(f"{size_px} px" for size_px in SMALL_PX))):
        _write(draw, (_FIRST_COLUMN_PX + index * _COLUMN_PX, _HEADER_PX - 36), name, 17)
    draw.line((_MARGIN_PX, _HEADER_PX - 8, width - _MARGIN_PX, _HEADER_PX - 8), fill=_LINE)


def _tile_corners(corner: tuple[int, int]) -> list[tuple[int, int]]:
    """The four tiles of a card: two and two."""
    left, top = corner
    step = _TILE_PX + _GAP_PX
    return [(left + x, top + y) for y in (0, step) for x in (0, step)]


def _draw_row(page: PillowImage.Image, draw: ImageDraw.ImageDraw, row: Row, top: int) -> None:
    top += 6
    photo = PillowImage.fromarray(row.photo)
    scale = min(_PHOTO_PX[0] / photo.width, _PHOTO_PX[1] / photo.height)
    photo = photo.resize(
        (round(photo.width * scale), round(photo.height * scale)), PillowImage.Resampling.LANCZOS
    )
    page.paste(photo, (_MARGIN_PX, top))
    box = row.box
    corners = (box.x, box.y, box.x + box.width, box.y + box.height)
    x0, y0, x1, y1 = (round(value * scale) for value in corners)
    draw.rectangle(
        (_MARGIN_PX + x0, top + y0, _MARGIN_PX + x1, top + y1), outline="#ffd33d", width=2
    )
    _write(draw, (_MARGIN_PX, top + photo.height + 4), row.subject.photo, 15)
    _write(draw, (_MARGIN_PX, top + photo.height + 23), row.subject.note, 13, _MUTED)
    for index, card in enumerate(row.cards):
        _draw_card(page, draw, card, (_FIRST_COLUMN_PX + index * _COLUMN_PX, top))


def _draw_card(
    page: PillowImage.Image,
    draw: ImageDraw.ImageDraw,
    card: Card | None,
    corner: tuple[int, int],
) -> None:
    left, top = corner
    if card is None:
        draw.rectangle((left, top, left + _CARD_PX, top + _CARD_PX), fill=_BLANK)
        _write(draw, (left, top + _CARD_PX + 4), "no face found", 15, _MISSED)
        return
    pictures = (card.sent, card.crop, card.restored, card.nearest)
    for tile, picture in zip(_tile_corners(corner), pictures, strict=True):
        if picture is None:
            _draw_blank(draw, tile, ("no DSR",))
        else:
            # Every pixel of what was sent shows as a square.
            page.paste(_tile(picture, keep_squares=picture is card.sent), tile)
    answer = card.answer
    name = answer.user_id or ("unknown" if card.is_right else "unknown: missed")
    ink = _RIGHT if card.is_right else _WRONG if answer.user_id else _MISSED
    _write(draw, (left, top + _CARD_PX + 4), name, 15, ink)
    similarity = answer.candidates[0].similarity
    facts = (
        f"{similarity:.2f}, threshold {answer.threshold:.2f}",
        f"{answer.face_px:.0f} px, {answer.route}",
    )
    for index, line in enumerate(facts):
        _write(draw, (left, top + _CARD_PX + 23 + 16 * index), line, 13, _MUTED)


def _tile(picture: Image, *, keep_squares: bool) -> PillowImage.Image:
    tile = PillowImage.fromarray(picture)
    enlarges = tile.width < _TILE_PX
    method = PillowImage.Resampling.LANCZOS
    if keep_squares and enlarges:
        method = PillowImage.Resampling.NEAREST
    return tile.resize((_TILE_PX, _TILE_PX), method)


def _draw_blank(draw: ImageDraw.ImageDraw, corner: tuple[int, int], lines: tuple[str, ...]) -> None:
    """A tile with text instead of a picture."""
    left, top = corner
    draw.rectangle((left, top, left + _TILE_PX - 1, top + _TILE_PX - 1), fill=_BLANK, outline=_LINE)
    middle = top + _TILE_PX / 2 - 8 * (len(lines) - 1)
    for index, line in enumerate(lines):
        centre = (left + _TILE_PX / 2, middle + 16 * index)
        draw.text(centre, line, fill=_MUTED, font=_font(13), anchor="mm")


def _write(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, size: int, ink: str = _INK
) -> None:
    draw.text(corner, text, fill=ink, font=_font(size))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: no font needs to be installed."""
    return ImageFont.load_default(size)
