"""Memory that networks and photos have left behind."""

import ctypes
import sys

# glibc's mallopt(3).
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 8_000_000


def give_back_freed_memory() -> None:
    """Returns to the system what the allocator keeps of freed memory; blocking, milliseconds.

    Three bundles are in memory for a moment while one is loaded beside the serving and the former
    one. glibc keeps what the third has left between smaller pieces: a process grew by 9 % over ten
    reloads without this, and by less than 1 % with it; fewer arenas (MALLOC_ARENA_MAX) did not
    help. Other C libraries have no such call, and nothing happens there.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def return_large_pieces_at_once() -> None:
    """From now on the allocator returns what is larger than 8 MB as soon as it is freed.

    By itself glibc keeps pieces of up to 32 MB once one of them was freed, each thread for itself:
    pixels of large photos, mostly (docs/decisions/0002-image-decoding.md, "Large photos"). Other C
    libraries have no such call, and nothing happens there.
    """
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        if set_option is not None:
            set_option(_M_MMAP_THRESHOLD, _LARGE_BYTES)
