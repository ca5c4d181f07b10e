"""Do networks answer as they did when they were published? Known crops, known embeddings.

The publisher writes down what its networks make of a known crop on each route; whoever loads the
bundle asks the same question. It finds what hashes can not: another version of a library, a device
that computes wrongly, a change in preprocessing.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import BundleError
from app.vision.alignment import Crop
from app.vision.bundle import read_weights
from app.vision.edgeface import CROP_SIZE_PX, EMBEDDING_SIZE
from app.vision.embedder import Embedder, Route
from app.vision.manifest import SelfTest
from app.vision.onnx_embedder import MAX_ONNX_DIFFERENCE, embed_by_onnx

MAX_DISTANCE = 1e-3
"""Cosine distance between what a bundle answers and what it answered when it was published.

Measured with farsight-xxs on six such patterns and both routes: computing in bfloat16 instead of
float32 moves embeddings by 7e-5 to 1.4e-4; taking BGR for RGB, the slightest mistake in
preprocessing, by 0.035 and more.
"""

_NORM_TOLERANCE = 1e-3
_SQUARE_PX = 16


def known_crop(face_px: float = CROP_SIZE_PX, pattern: int = 0) -> Crop:
    """A crop of coloured squares, the same on every machine and with every library.

    Args:
        face_px: What it says of itself.
        pattern: Another number, other colours.
    """
    side = CROP_SIZE_PX // _SQUARE_PX
    # Random generators of libraries may change; SHAKE-256 is a standard.
    colours = hashlib.shake_256(f"farsight {pattern}".encode()).digest(side * side * 3)
    squares = np.frombuffer(colours, dtype=np.uint8).reshape(side, side, 3)
    return Crop(squares.repeat(_SQUARE_PX, axis=0).repeat(_SQUARE_PX, axis=1), float(face_px))


def are_embeddings(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n, 512) vectors -> (n,) whether each is finite and of unit length."""
    lengths = np.linalg.norm(vectors, axis=1)
    return np.asarray(np.abs(lengths - 1) < _NORM_TOLERANCE)  # False for NaN


def known_answers(embedder: Embedder) -> SelfTest:
    """What these networks make of the known crop, for the manifest.

    Raises:
        BundleError: The networks answer with what are no embeddings.
    """
    answers = {}
    for route, face_px in _face_px(embedder).items():
        embeddings, _ = embedder.embed([known_crop(face_px)])
        _refuse_no_embeddings(embeddings, route)
        answers[route] = embeddings[0].astype("<f4").tobytes()
    return SelfTest(direct=answers["direct"], dsr=answers.get("dsr"))


def check_self_test(embedder: Embedder, folder: Path) -> None:
    """Asks networks for embeddings of known crops and holds the answers against what is known.

    Args:
        embedder: With the bundle's networks.
        folder: The bundle's; its ONNX files, if any, must agree with the networks.

    Raises:
        BundleError: With the figures: an answer is not finite or not of unit length; two different
            crops have the same embedding; the manifest tells other embeddings (a manifest that
            tells none is fine); onnxruntime's answer differs from torch's by more than 1e-4.
    """
    for route, face_px in _face_px(embedder).items():
        crops = [known_crop(face_px, pattern) for pattern in (0, 1)]
        embeddings, _ = embedder.embed(crops)
        _refuse_no_embeddings(embeddings, route)
        distance = _distance(embeddings[0], embeddings[1])
        if not distance > MAX_DISTANCE:
            raise BundleError(
                f"Two different crops have embeddings only {distance:.1e} apart on the {route} "
                "route: the networks answer everything alike."
            )
        _refuse_other_answer(embedder, route, embeddings[0])
        _refuse_other_onnx(embedder, folder, route, crops, embeddings)


def _face_px(embedder: Embedder) -> dict[Route, float]:
    """For each route that faces may take, a size that takes it."""
    below_px = embedder.bundle.manifest.routing.dsr_below_px
    sizes: dict[Route, float] = {"direct": max(CROP_SIZE_PX, below_px), "dsr": below_px / 2}
    return {route: face_px for route, face_px in sizes.items() if embedder.route(face_px) == route}


def _distance(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return 1 - float(first.astype(np.float64) @ second)


def _refuse_no_embeddings(embeddings: NDArray[np.float32], route: Route) -> None:
    if not are_embeddings(embeddings).all():
        lengths = np.linalg.norm(embeddings, axis=1)
        raise BundleError(
            f"On the {route} route the networks answer known crops with vectors of length "
            f"{lengths.tolist()}, which are no embeddings."
        )


def _refuse_other_answer(embedder: Embedder, route: Route, embedding: NDArray[np.float32]) -> None:
    told = embedder.bundle.manifest.self_test
    if told is None:
        return
    answer = told.direct if route == "direct" else told.dsr
    if answer is None:
        raise BundleError(f"The manifest tells no answer to the known crop on the {route} route.")
    distance = _distance(np.frombuffer(answer, dtype="<f4"), embedding)
    if not distance <= MAX_DISTANCE:
        raise BundleError(
            f"On the {route} route the known crop's embedding has cosine distance {distance:.1e} "
            f"from the manifest's, more than {MAX_DISTANCE:.0e}: these networks do not compute "
            "here what they computed when they were published."
        )


def _refuse_other_onnx(
    embedder: Embedder,
    folder: Path,
    route: Route,
    crops: list[Crop],
    embeddings: NDArray[np.float32],
) -> None:
    manifest = embedder.bundle.manifest
    edgeface, dsr = manifest.networks.edgeface.onnx, None
    if route == "dsr" and manifest.networks.dsr is not None:
        dsr = manifest.networks.dsr.onnx
        if dsr is None:
            return
    if edgeface is None:
        return
    found = embed_by_onnx(
        read_weights(folder, edgeface),
        read_weights(folder, dsr) if dsr else None,
        crops,
        manifest.routing.dsr_below_px,
    )
    if found.shape != (len(crops), EMBEDDING_SIZE):
        raise BundleError(f"The ONNX files answer {len(crops)} crops with shape {found.shape}.")
    difference = float(np.abs(found - embeddings).max())
    if not difference <= MAX_ONNX_DIFFERENCE:
        raise BundleError(
            f"On the {route} route the ONNX files differ from torch by {difference:.1e}, more "
            f"than {MAX_ONNX_DIFFERENCE:.0e}."
        )
