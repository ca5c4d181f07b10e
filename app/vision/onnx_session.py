"""onnxruntime's sessions, opened one way for every network that runs on the CPU."""

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

ONNX_ERRORS = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NotImplemented,
    state.RuntimeException,
)
"""What onnxruntime raises at a file or at inputs; they have no parent in common but Exception."""

_ERRORS_ONLY = 3


def open_session(content: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Makes a session, whose `run` may be called from several threads at once.

    Args:
        content: An ONNX file's.
        threads: Threads within one call. One if several calls run at the same time.

    Raises:
        One of ONNX_ERRORS: onnxruntime cannot run such a file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # A waiting thread must not keep a core from the next network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Plans for buffers are kept per input size, and sizes vary (docs/decisions/0013-backends.md).
    options.enable_mem_pattern = False
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def give_back_memory(session: onnxruntime.InferenceSession, side_px: int) -> None:
    """Returns to the system what a session keeps for calls as large as the largest so far.

    What calls in other threads are using stays. The next large call takes milliseconds longer.

    Args:
        session: What keeps it; of a network that takes one picture of any size.
        side_px: Of the smallest picture it takes: onnxruntime gives back at the end of a call.
    """
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    (picture,) = session.get_inputs()
    session.run(None, {picture.name: np.zeros((1, 3, side_px, side_px), np.float32)}, options)
