"""Do networks answer as they did when they were published? Known crops, known embeddings.

The publisher records what its networks make of a known crop on each route; whoever loads the
bundle asks the same question. This finds what hashes cannot: a different library version, a device
that computes wrongly, a change in preprocessing.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.errors import BundleError
from app.vision.alignment import Crop
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder, Route
from app.vision.manifest import SelfTest

MAX_DISTANCE = 1e-3
"""Cosine distance between what a bundle answers and what it answered when it was published.

Measured with farsight-xxs on six such patterns and both routes: computing in bfloat16 instead of
float32 moves embeddings by 7e-5 to 1.4e-4; taking BGR for RGB, the slightest mistake in
preprocessing, by 0.035 and more.
"""

MAX_ONNX_DIFFERENCE = 1e-4
"""Between an element of an embedding by torch and by onnxruntime.

Two implementations of one float32 network differ by some 1e-6; another opset or a wrong export by
far more than this.
"""

_NORM_TOLERANCE = 1e-3
_SQUARE_PX = 16


def known_crop(face_px: float = CROP_SIZE_PX, pattern: int = 0) -> Crop:
    """A crop of coloured squares, the same on every machine and with every library.

    Args:
        face_px: The size that it claims.
        pattern: A different number gives different colours.
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
        BundleError: The networks answer with what are not embeddings.
    """
    answers = {}
    for route, face_px in _face_px(embedder).items():
        embeddings, _ = embedder.embed([known_crop(face_px)])
        _refuse_no_embeddings(embeddings, route)
        answers[route] = embeddings[0].astype("<f4").tobytes()
    return SelfTest(direct=answers["direct"], dsr=answers.get("dsr"))


def check_self_test(embedder: Embedder) -> None:
    """Asks networks for embeddings of known crops and compares the answers with the known ones.

    Args:
        embedder: As it is to serve. If the manifest has no answers, `check_parity` is used
            instead.

    Raises:
        BundleError: With the figures: an answer is not finite or not of unit length; two different
            crops have the same embedding; the manifest has different embeddings.
    """
    for route, _, embeddings in _answers(embedder):
        _refuse_no_embeddings(embeddings, route)
        distance = _distance(embeddings[0], embeddings[1])
        if not distance > MAX_DISTANCE:
            raise BundleError(
                f"Two different crops have embeddings only {distance:.1e} apart on the {route} "
                "route: the networks answer everything alike."
            )
        _refuse_other_answer(embedder, route, embeddings[0])
    if embedder.bundle.manifest.self_test is None:
        check_parity(embedder)


def check_parity(embedder: Embedder) -> None:
    """Checks that the weights fit their networks, and that the ONNX files are the same networks.

    For bundles from elsewhere, as it needs torch. A bundle that was checked once stays good, since
    its files are known by their hashes.

    Raises:
        BundleError: See build_networks; where onnxruntime answers known crops, its answer differs
            from torch's by more than 1e-4.
    """
    if embedder.bundle.onnx is None:
        return  # torch answers already
    in_torch = Embedder(embedder.bundle.without_onnx(), embedder.device)
    for route, crops, embeddings in _answers(embedder):
        expected, _ = in_torch.embed(crops)
        difference = float(np.abs(expected - embeddings).max())
        if not difference <= MAX_ONNX_DIFFERENCE:
            raise BundleError(
                f"On the {route} route the ONNX files differ from torch by {difference:.1e}, more "
                f"than {MAX_ONNX_DIFFERENCE:.0e}."
            )


def _answers(embedder: Embedder) -> Iterator[tuple[Route, list[Crop], NDArray[np.float32]]]:
    """For each route that faces may take, two known crops and their embeddings."""
    for route, face_px in _face_px(embedder).items():
        crops = [known_crop(face_px, pattern) for pattern in (0, 1)]
        yield route, crops, embedder.embed(crops)[0]


def _face_px(embedder: Embedder) -> dict[Route, float]:
    """For each route that faces may take, a size that leads to it."""
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
            f"{lengths.tolist()}, which are not embeddings."
        )


def _refuse_other_answer(embedder: Embedder, route: Route, embedding: NDArray[np.float32]) -> None:
    told = embedder.bundle.manifest.self_test
    if told is None:
        return
    answer = told.direct if route == "direct" else told.dsr
    if answer is None:
        raise BundleError(f"The manifest has no answer to the known crop on the {route} route.")
    distance = _distance(np.frombuffer(answer, dtype="<f4"), embedding)
    if not distance <= MAX_DISTANCE:
        raise BundleError(
            f"On the {route} route the known crop's embedding has cosine distance {distance:.1e} "
            f"from the manifest's, more than {MAX_DISTANCE:.0e}: these networks do not compute "
            "here what they computed when they were published."
        )
