"""From probes to the rows of the contact sheet: one row per face, followed through all sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.vision.embedder import Embedder
from app.vision.image import Image
from demo.probes import Probe, Subject
from farsight_client import Box, IdentifiedFace

# Shrinking moves a face's centre, relative to the photo, by far less than its own width.
_SAME_PLACE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """One face in one probe.

    Attributes:
        sent: The face and its surroundings, as they were sent.
        crop: What the service read: (112, 112, 3).
        restored: What DSR made of the crop; None on the direct route.
        nearest: A registered crop of the most similar user.
        answer: The service's.
        is_right: Named when it should be, unknown when it should be.
    """

    sent: Image
    crop: Image
    restored: Image | None
    nearest: Image
    answer: IdentifiedFace
    is_right: bool


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One face at all sizes.

    Attributes:
        subject: The photo.
        photo: As it is.
        box: Where the face is in the photo.
        cards: One per size; None if the face was not found.
    """

    subject: Subject
    photo: Image
    box: Box
    cards: Sequence[Card | None]


def make_rows(
    probes: Sequence[Probe], embedder: Embedder, enrolled: Mapping[str, Image]
) -> list[Row]:
    """Makes a row for every face of a photo, from left to right.

    Args:
        probes: One photo at all sizes, first as it is.
        embedder: Of the bundle that the service serves; shows what DSR does.
        enrolled: A registered crop of every user.
    """
    first = probes[0]
    rows = []
    for face in sorted(first.faces, key=lambda face: face.box.x):
        cards = [
            None if found is None else _make_card(probe, found, embedder, enrolled)
            for probe in probes
            for found in [_find_again(face, first, probe)]
        ]
        rows.append(Row(first.subject, first.image, face.box, cards))
    return rows


def _find_again(face: IdentifiedFace, first: Probe, probe: Probe) -> IdentifiedFace | None:
    """The face at the same place of the same photo in another size."""
    scale = first.image.shape[1] / probe.image.shape[1]
    x, y = _centre(face.box)

    def distance(other: IdentifiedFace) -> float:
        other_x, other_y = _centre(other.box)
        return float(np.hypot(other_x * scale - x, other_y * scale - y))

    nearest = min(probe.faces, key=distance, default=None)
    if nearest is None or distance(nearest) > _SAME_PLACE * face.box.width:
        return None
    return nearest


def _make_card(
    probe: Probe, face: IdentifiedFace, embedder: Embedder, enrolled: Mapping[str, Image]
) -> Card:
    crop = probe.crop(face)
    return Card(
        sent=cut_out(probe.image, face.box),
        crop=crop.pixels,
        restored=embedder.upscale(crop) if face.route == "dsr" else None,
        nearest=enrolled[face.candidates[0].user_id],
        answer=face,
        is_right=face.user_id == probe.subject.person,
    )


def cut_out(image: Image, box: Box) -> Image:
    """A square around a face, within the photo."""
    x, y = _centre(box)
    half = 0.65 * max(box.width, box.height)
    height, width, _ = image.shape
    half = min(half, width / 2, height / 2)
    left = min(max(x - half, 0), width - 2 * half)
    top = min(max(y - half, 0), height - 2 * half)
    side = max(1, round(2 * half))
    return image[round(top) : round(top) + side, round(left) : round(left) + side]


def _centre(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2
