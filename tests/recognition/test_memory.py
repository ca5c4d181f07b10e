"""Freed memory goes back to the system."""

import ctypes
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from app.recognition.memory import give_back_freed_memory, return_large_pieces_at_once

PIECE_BYTES = 1000
PIECES = 100_000
LARGE_BYTES = 9_000_000
LARGE_PIECES = 20


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


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_pieces_are_returned_at_once_when_small_ones_above_them_live_on() -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("not glibc")
    # In a process of its own: here, freed pieces of other tests would be used again.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        returned_kib = fresh.submit(free_large_pieces).result(timeout=60)
    assert returned_kib > LARGE_PIECES * LARGE_BYTES / 1024 * 0.9


def free_large_pieces() -> int:
    """By how many KiB the process shrinks."""
    return_large_pieces_at_once()
    large, above = [], []
    for _ in range(LARGE_PIECES):
        large.append(np.ones(LARGE_BYTES, np.uint8))
        above.append(bytes(PIECE_BYTES))
    before = resident_kib()
    del large
    assert len(above) == LARGE_PIECES
    return before - resident_kib()
