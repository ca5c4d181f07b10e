"""Prints the tables of docs/decisions/0013-backends.md: what the networks cost, by runtime.

Run as `python -m benchmarks.networks`. Times are what one thread spent computing, medians of runs
that take turns; only crops per second need an otherwise idle machine.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from rich.console import Console
from rich.table import Table

from app.vision.backends.backend import Backend
from app.vision.backends.by_onnxruntime import OnnxBackend
from app.vision.backends.by_torch import TorchBackend
from app.vision.bundle import load_bundle
from app.vision.onnx_export import export_network
from app.vision.scaling import Floats
from app.vision.torch_networks import build_networks

SHIPPED = Path("weights/farsight-xxs")
BATCHES = (1, 2, 4, 8, 16)
ROUNDS = 15
RUNS_BESIDE = 100

Call = Callable[[int], object]

_rng = np.random.default_rng(0)
_crops = _rng.uniform(-1, 1, (max(BATCHES), 3, 112, 112)).astype(np.float32)
_face_px = _rng.uniform(10, 50, max(BATCHES)).astype(np.float32)


def main() -> None:
    """Prints the tables."""
    torch.set_num_threads(1)
    bundle = load_bundle(SHIPPED)
    edgeface, dsr = build_networks(bundle)
    assert dsr is not None
    assert bundle.onnx is not None
    before_mb = _resident_mb()
    served = OnnxBackend(bundle.onnx.edgeface, bundle.onnx.dsr)
    _print_beside(lambda count: served.embed(_crops[:count], _face_px[:count]), before_mb)
    in_torch = TorchBackend(edgeface, dsr, "cpu")
    examples = {"crops": torch.from_numpy(_crops[:2]), "face_px": torch.from_numpy(_face_px[:2])}
    plain = OnnxBackend(bundle.onnx.edgeface, export_network(dsr, examples, "restored"))
    for title, calls in {
        "EdgeFace": {"torch": _embed(in_torch), "onnxruntime": _embed(served)},
        "DSR": {
            "torch": _restore(in_torch),
            "onnxruntime, exported as it is": _restore(plain),
            "onnxruntime": _restore(served),
        },
        "EdgeFace by graph optimisation": _levels(bundle.onnx.edgeface, with_sizes=False),
        "DSR by graph optimisation": _levels(bundle.onnx.dsr, with_sizes=True),
    }.items():
        _print(f"{title}: ms per crop, by crops at a time", calls)


def _embed(backend: Backend) -> Call:
    return lambda count: backend.embed(_crops[:count])


def _restore(backend: Backend) -> Call:
    return lambda count: backend.restore(_crops[:count], _face_px[:count])


def _levels(content: bytes | None, *, with_sizes: bool) -> dict[str, Call]:
    calls: dict[str, Call] = {}
    for level in ("BASIC", "EXTENDED", "ALL"):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.graph_optimization_level = getattr(
            onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}"
        )
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])

        def call(count: int, session: onnxruntime.InferenceSession = session) -> object:
            inputs: dict[str, Floats] = {"crops": _crops[:count]}
            if with_sizes:
                inputs["face_px"] = _face_px[:count]
            return session.run(None, inputs)

        calls[level.lower()] = call
    return calls


def _print(title: str, calls: Mapping[str, Call]) -> None:
    table = Table("", *map(str, BATCHES), title=title)
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            for count in BATCHES:
                call(count)  # the caches belong to another network
                began = time.thread_time()
                call(count)
                lasted_ms = (time.thread_time() - began) * 1000
                times.setdefault((name, count), []).append(lasted_ms / count)
    for name in calls:
        medians = [statistics.median(times[name, count]) for count in BATCHES]
        table.add_row(name, *(f"{median:.2f}" for median in medians))
    Console().print(table)


def _print_beside(call: Call, before_mb: float) -> None:
    """Crops per second from one thread and from several, on the same sessions; and memory."""
    opened_mb = _resident_mb()
    rates = {}
    counts = _rng.integers(1, OnnxBackend.max_batch, RUNS_BESIDE, endpoint=True)
    for threads in (1, 2, 4):
        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            list(pool.map(call, counts))
            rates[threads] = counts.sum() / (time.perf_counter() - began)
    told = ", ".join(f"{rate:.0f} from {threads}" for threads, rate in rates.items())
    after_mb = _resident_mb()
    # T201, both: it is what this script is for.
    print(f"Small faces per second by calling threads: {told}")  # noqa: T201 - a script
    print(  # noqa: T201 - a script
        f"Resident memory: {opened_mb - before_mb:.0f} MB more for the sessions, "
        f"{after_mb - opened_mb:.0f} MB more after {3 * RUNS_BESIDE} calls."
    )


def _resident_mb() -> float:
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
