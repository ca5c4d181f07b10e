"""A bundle's answers, compared with those of the trained networks."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from app.vision.alignment import Crop
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from app.vision.scaling import Floats, to_input
from app.vision.self_test import MAX_ONNX_DIFFERENCE
from trainer.errors import ParityError


def embed_by_torch(edgeface: EdgeFace, dsr: DSR, crops: Sequence[Crop], below_px: float) -> Floats:
    """(n, 512) of unit length, one crop at a time, written as plainly as possible."""
    embeddings = []
    with torch.inference_mode():
        for crop in crops:
            pixels = torch.from_numpy(to_input(crop.pixels[None]))
            if crop.face_px < below_px:
                pixels = dsr(pixels, torch.tensor([crop.face_px]))
            embeddings.append(F.normalize(edgeface(pixels))[0].numpy())
    return np.stack(embeddings)


def refuse_difference(what: str, expected: Floats, found: Floats) -> float:
    """Compares embeddings of the same crops.

    Returns:
        The largest absolute difference.

    Raises:
        ParityError: It is above 1e-4.
    """
    difference = float(np.abs(expected - found).max())
    if not difference <= MAX_ONNX_DIFFERENCE:
        raise ParityError(f"{what} differs from torch by {difference:.2g}.")
    return difference
