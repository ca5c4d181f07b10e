"""Memory that networks and photos leave behind."""

import ctypes
import os
import sys

# glibc's mallopt(3).
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_LARGE_BYTES = 8_000_000


def give_back_freed_memory() -> None:
    """Returns freed memory that the allocator keeps to the system; blocks for milliseconds.

    Three bundles are in memory for a moment while one is loaded beside the serving and the former
    one. glibc keeps the third one's memory between smaller pieces: a process grew by 9 % over ten
    reloads without this, and by less than 1 % with it; fewer arenas (MALLOC_ARENA_MAX) did not
    help. Other C libraries lack this call, and nothing happens there.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def keep_little_freed_memory() -> None:
    """Makes the allocator keep less of what is freed; call it before threads are started.

    - Pieces above 8 MB go back to the system as soon as they are freed. By default glibc keeps
      pieces of up to 32 MB once one of them was freed, for each thread: mostly pixels of large
      photos (docs/decisions/0002-image-decoding.md, "Large photos").
    - Threads share as many arenas as there are cores, not eight times as many. Freed memory stays
      in its arena, and over tens of thousands of requests each arena comes to keep as much as the
      most expensive request needed (docs/decisions/0022-soak.md).

    Other C libraries lack this call, and nothing happens there.
    """
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        if set_option is not None:
            set_option(_M_MMAP_THRESHOLD, _LARGE_BYTES)
            set_option(_M_ARENA_MAX, os.cpu_count() or 1)
