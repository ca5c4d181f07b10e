"""Freed memory goes back to the system."""

import ctypes
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pytest

from app.recognition.memory import give_back_freed_memory, keep_little_freed_memory
from app.vision.detector import load_detector

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
    keep_little_freed_memory()
    large, above = [], []
    for _ in range(LARGE_PIECES):
        large.append(np.ones(LARGE_BYTES, np.uint8))
        above.append(bytes(PIECE_BYTES))
    before = resident_kib()
    del large
    assert len(above) == LARGE_PIECES
    return before - resident_kib()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_little_of_what_a_large_picture_needed_is_kept_when_memory_is_given_back(
    detectors: Path,
) -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("not glibc")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        kept_kib, needed_kib = fresh.submit(look_at_a_large_picture, detectors).result(timeout=60)
    assert kept_kib < needed_kib / 2


def look_at_a_large_picture(detectors: Path) -> tuple[int, int]:
    """How many KiB the process is larger after it has given memory back, and before."""
    keep_little_freed_memory()
    detector = load_detector("centerface", detectors)
    detector.detect(np.zeros((64, 64, 3), np.uint8), 0.5)
    before = resident_kib()
    detector.detect(np.zeros((1024, 1024, 3), np.uint8), 0.5)
    needed = resident_kib()
    detector.give_back_memory()
    return resident_kib() - before, needed - before


@pytest.mark.skipif(sys.platform != "linux", reason="reads what glibc tells")
def test_threads_share_arenas_when_there_are_more_of_them_than_cores() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_info"):
        pytest.skip("not glibc")
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        arenas = fresh.submit(arenas_of_threads, 4 * cores).result(timeout=60)
    assert 1 <= arenas <= cores


def arenas_of_threads(threads: int) -> int:
    """How many arenas there are while so many threads hold memory."""
    keep_little_freed_memory()
    c = ctypes.CDLL(None)
    c.fopen.restype = ctypes.c_void_p
    c.malloc.restype = ctypes.c_void_p
    together = threading.Barrier(threads + 1)

    def hold() -> None:
        c.malloc(PIECE_BYTES)
        together.wait()  # all have theirs
        together.wait()  # they were counted

    held = [threading.Thread(target=hold) for _ in range(threads)]
    for thread in held:
        thread.start()
    together.wait()
    with NamedTemporaryFile() as told:
        file = ctypes.c_void_p(c.fopen(told.name.encode(), b"w"))
        c.malloc_info(0, file)
        c.fclose(file)
        arenas = Path(told.name).read_text(encoding="ascii").count("<heap nr=")
    together.wait()
    for thread in held:
        thread.join()
    return arenas
