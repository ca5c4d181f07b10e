"""Faces are followed through the sizes of a photo, and the sheet shows the lost ones too."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.vision.alignment import ARCFACE_TEMPLATE
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from demo.probes import Probe, Subject
from demo.rows import make_rows
from demo.sheet import draw_sheet
from farsight_client import Box, Candidate, IdentifiedFace, Quality

SUBJECT = Subject("two.png", None, "strangers")
ENROLLED = {"ada": np.full((112, 112, 3), 200, np.uint8)}


@pytest.fixture(scope="module")
def embedder(stock_bundle: Path) -> Embedder:
    return Embedder(load_bundle(stock_bundle), "cpu")


def face(x: float, side: float) -> IdentifiedFace:
    landmarks = ARCFACE_TEMPLATE / 112 * side + [x, 0]
    return IdentifiedFace(
        box=Box(x=x, y=0, width=side, height=side),
        landmarks=[(float(px), float(py)) for px, py in landmarks],
        face_px=side,
        route="direct",
        quality=Quality(1.0, 0.5, 0.0, 0.0, 0.0, 1.0),
        photo=0,
        user_id=None,
        similarity=0.1,
        margin=None,
        threshold=0.35,
        candidates=[Candidate("ada", 0.1)],
    )


def test_each_face_has_a_row_from_left_to_right_when_one_is_lost(embedder: Embedder) -> None:
    large = Probe(SUBJECT, None, np.zeros((100, 400, 3), np.uint8), [face(280, 90), face(10, 90)])
    small = Probe(SUBJECT, 24, np.zeros((25, 100, 3), np.uint8), [face(70, 22.5)])
    left, right = make_rows([large, small], embedder, ENROLLED)
    assert (left.box.x, right.box.x) == (10, 280)
    assert left.cards[1] is None
    assert right.cards[1] is not None
    assert right.cards[1].answer.box.x == 70
    assert right.cards[1].crop.shape == (112, 112, 3)
    assert right.cards[1].restored is None
    assert right.cards[1].is_right


def test_sheet_grows_by_one_row_per_face_when_cards_are_blank_or_restored(
    embedder: Embedder,
) -> None:
    probe = Probe(SUBJECT, None, np.zeros((100, 400, 3), np.uint8), [face(10, 90)])
    (row,) = make_rows([probe], embedder, ENROLLED)
    (card,) = row.cards
    assert card is not None
    restored = replace(card, restored=np.zeros((112, 112, 3), np.uint8))
    whole = replace(row, cards=[None, card, restored, None])
    one, two = (draw_sheet([whole] * count, "stock") for count in (1, 2))
    assert one.width == two.width
    assert one.height < two.height
