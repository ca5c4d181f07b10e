"""Libraries that could search a gallery: `python -m benchmarks.int8_dot`.

One int8 vector times an int8 matrix of 100,000 rows, on one thread, in turns; the fastest of all
rounds counts, because other work on the machine only makes them slower. `numkong` is measured if it
is installed.
"""

import importlib
import time
from collections.abc import Callable

import numpy as np
import simsimd
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from app.vision.dimensions import EMBEDDING_SIZE

_ROWS = 100_000
_ROUNDS = 40


def _contenders(codes: NDArray[np.int8]) -> dict[str, Callable[[], object]]:
    query = codes[:1].copy()
    dots = np.empty((1, len(codes)), np.float32)
    matrix, vector = torch.from_numpy(codes), torch.from_numpy(query)
    contenders: dict[str, Callable[[], object]] = {
        "read once": codes.reshape(-1).view(np.int64).sum,
        "simsimd": lambda: simsimd.cdist(query, codes, "dot", out_dtype="float32", threads=1),
        "torch._int_mm": lambda: torch._int_mm(matrix, vector.T),
        "numpy": lambda: codes @ query[0],
    }
    try:
        numkong = importlib.import_module("numkong")
    except ImportError:  # not a dependency; install it to compare
        return contenders
    return contenders | {
        "numkong": lambda: numkong.cdist(query, codes, "dot", out=dots, threads=1),
        "numkong, int32 out": lambda: numkong.cdist(query, codes, "dot", out_dtype="int32"),
    }


def main() -> None:
    """Prints times, and times of reading the matrix once."""
    torch.set_num_threads(1)
    codes = np.random.default_rng(0).integers(-127, 128, (_ROWS, EMBEDDING_SIZE), np.int8)
    contenders = _contenders(codes)
    fastest_s = dict.fromkeys(contenders, np.inf)
    for _ in range(_ROUNDS):
        for name, work in contenders.items():
            began = time.perf_counter()
            work()
            fastest_s[name] = min(fastest_s[name], time.perf_counter() - began)
    table = Table("", "ms", "x reading")
    for name, seconds in fastest_s.items():
        table.add_row(name, f"{1000 * seconds:.2f}", f"{seconds / fastest_s['read once']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
