"""onnxruntime's sessions, opened one way for every network that runs on the CPU."""

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
_SAME_AS_REQUESTED = 1


def _share_one_arena() -> None:
    """Makes all sessions of the process take their buffers from one arena.

    By default each session keeps as much as calls at the same time ever needed of it, and takes
    twice as much as before when that is not enough: steps of tens of megabytes, hours after the
    start (docs/decisions/0022-soak.md).
    """
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    unlimited, default = 0, -1
    onnxruntime.create_and_register_allocator(
        memory, onnxruntime.OrtArenaCfg(unlimited, _SAME_AS_REQUESTED, default, default)
    )


_share_one_arena()


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
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Weights stay for long: between them, buffers of all sizes would not fit.
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
