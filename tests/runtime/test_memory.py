"""Freed memory goes back to the system."""

import ctypes
import sys
from pathlib import Path

import pytest

from app.runtime.memory import give_back_freed_memory

PIECE_BYTES = 1000
PIECES = 100_000


def resident_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_is_given_back_when_something_above_it_lives_on() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("not glibc")
    pieces = [bytes(PIECE_BYTES) for _ in range(PIECES)]
    above = bytes(PIECE_BYTES)
    del pieces
    before = resident_kib()
    give_back_freed_memory()
    assert before - resident_kib() > PIECES * PIECE_BYTES / 1024 / 2
    assert len(above) == PIECE_BYTES
