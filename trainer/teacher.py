"""Teachers: their embeddings of sharp crops are the networks' targets."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from app.vision.dimensions import CROP_SIZE_PX, EMBEDDING_SIZE
from app.vision.onnx_session import ONNX_ERRORS, open_session
from app.vision.scaling import Floats, Pixels, to_input
from trainer.config import TeacherInput
from trainer.crops import CropSet
from trainer.errors import TeacherError
from trainer.metrics import embed
from trainer.networks import read_edgeface, weights_sha256

Teacher = Callable[[Pixels], Floats]
"""(n, 112, 112, 3) uint8 RGB -> (n, size) of unit length."""

_BATCH = 64
_COLOURS = 3


def read_teacher(
    path: Path, takes: TeacherInput, device: torch.device, size: int | None = EMBEDDING_SIZE
) -> tuple[Teacher, str]:
    """Reads a teacher.

    Args:
        path: An ONNX file, or what `read_edgeface` reads.
        takes: The form in which an ONNX file takes pixels.
        device: Where EdgeFace runs; ONNX runs on the CPU.
        size: Numbers that an embedding must have; None for any.

    Returns:
        The teacher and the SHA-256 of its weights.

    Raises:
        BundleError: There is no EdgeFace at the path.
        TeacherError: The ONNX file does not map crops to embeddings of that size.
    """
    if path.suffix != ".onnx":
        network = read_edgeface(path)
        return partial(embed, network.to(device)), weights_sha256(network)
    teacher = OnnxTeacher(path, takes)
    found = teacher(np.zeros((1, CROP_SIZE_PX, CROP_SIZE_PX, _COLOURS), np.uint8)).shape[1]
    if size not in {None, found}:
        raise TeacherError(
            f"{path} gives embeddings of {found} numbers, EdgeFace of {size}. Use `finetune-packed "
            "--second-teacher` for it."
        )
    return teacher, hashlib.sha256(path.read_bytes()).hexdigest()


def targets_of(teacher: Teacher, crops: CropSet) -> Floats:
    """(n, size) embeddings of every crop: what both networks aim at.

    Each is the mean of a crop's and its mirror image's, brought back to unit length: better than
    either, and the same for both.
    """
    return _unit(teacher(crops.pixels) + teacher(np.ascontiguousarray(crops.pixels[:, :, ::-1])))


class OnnxTeacher:
    """Any network in an ONNX file that maps 112x112 crops to embeddings.

    Its input may be channels-first or channels-last, of any batch size or of a fixed one; its
    first output is the embedding.

    Args:
        path: The file.
        takes: Order of colours and range of pixels.

    Raises:
        TeacherError: onnxruntime cannot run it, or it takes something other than crops.
    """

    def __init__(self, path: Path, takes: TeacherInput) -> None:
        self._path, self._takes = path, takes
        try:
            self._session = open_session(path.read_bytes(), torch.get_num_threads())
        except (OSError, *ONNX_ERRORS) as error:
            raise TeacherError(f"{path} is not an ONNX file that can be run: {error}") from error
        shape = self._session.get_inputs()[0].shape
        self._channels_last = shape[-1] == _COLOURS
        self._fixed = shape[0] if isinstance(shape[0], int) else None

    def __call__(self, pixels: Pixels) -> Floats:
        """Embeds crops."""
        size = self._fixed or _BATCH
        parts = [self._run(pixels[at : at + size]) for at in range(0, len(pixels), size)]
        return _unit(np.concatenate(parts))

    def _run(self, pixels: Pixels) -> Floats:
        missing = max(0, (self._fixed or 0) - len(pixels))
        batch = np.pad(pixels, ((0, missing), (0, 0), (0, 0), (0, 0)))
        if self._takes.startswith("bgr"):
            batch = batch[..., ::-1]
        if self._takes.endswith("255"):
            values = batch.astype(np.float32).transpose(0, 3, 1, 2)
        else:
            values = to_input(batch)
        if self._channels_last:
            values = values.transpose(0, 2, 3, 1)
        name = self._session.get_inputs()[0].name
        try:
            (output, *_) = self._session.run(None, {name: np.ascontiguousarray(values)})
        except (ValueError, *ONNX_ERRORS) as error:
            raise TeacherError(f"{self._path} does not take 112x112 crops: {error}") from error
        found = np.asarray(output, dtype=np.float32).reshape(len(batch), -1)
        if not np.isfinite(found).all():
            raise TeacherError(f"{self._path} returns embeddings that are not finite.")
        return found[: len(pixels)]


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
    return unit
