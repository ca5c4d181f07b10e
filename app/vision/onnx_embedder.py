"""The same embeddings through onnxruntime, to hold a bundle's ONNX files against its networks."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,
    RuntimeException,
)

from app.errors import BundleError
from app.vision.alignment import Crop

# Two implementations of one float32 network differ by some 1e-6; another opset or a wrong export
# by far more than this.
MAX_ONNX_DIFFERENCE = 1e-4

# They have no parent in common but Exception. ValueError: a file asks for other inputs.
_REFUSALS = (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,
    RuntimeException,
    ValueError,
)


def embed_by_onnx(
    edgeface: bytes, dsr: bytes | None, crops: Sequence[Crop], dsr_below_px: float
) -> NDArray[np.float32]:
    """Embeds crops with ONNX files; all crops of a route at once, on one thread of the CPU.

    Nothing is kept: each file's session ends with the call.

    Args:
        edgeface: The file's content; takes `crops`.
        dsr: Likewise; takes `crops` and `face_px`. None: every crop takes the direct route.
        crops: At least one.
        dsr_below_px: Crops with `face_px` below go through DSR.

    Returns:
        (n, 512) of unit length.

    Raises:
        BundleError: onnxruntime can not load or run a file.
    """
    pixels = np.stack([crop.pixels for crop in crops]).transpose(0, 3, 1, 2)
    inputs = np.ascontiguousarray((pixels.astype(np.float32) - 127.5) / 127.5)
    face_px = np.array([crop.face_px for crop in crops], dtype=np.float32)
    small = face_px < dsr_below_px
    if dsr is not None and small.any():
        inputs[small] = _run(dsr, {"crops": inputs[small], "face_px": face_px[small]})
    raw = _run(edgeface, {"crops": inputs})
    normalised: NDArray[np.float32] = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return normalised


def _run(content: bytes, inputs: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # an arena pays when a session runs again
    options.log_severity_level = 4  # what is wrong comes as an exception
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
        output: NDArray[np.float32] = session.run(None, inputs)[0]
    except _REFUSALS as error:
        raise BundleError(f"onnxruntime refuses an ONNX file: {error}") from error
    return output
