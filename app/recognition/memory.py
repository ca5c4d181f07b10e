"""Memory that networks and photos have left behind."""

import ctypes
import os
import sys

# glibc's mallopt(3).
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
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


def keep_little_freed_memory() -> None:
    """From now on the allocator keeps less of what is freed; call it before threads are started.

    - What is larger than 8 MB goes back to the system as soon as it is freed. By itself glibc keeps
      pieces of up to 32 MB once one of them was freed, each thread for itself: pixels of large
      photos, mostly (docs/decisions/0002-image-decoding.md, "Large photos").
    - Threads share as many arenas as there are cores, not eight times as many. What is freed stays
      in its arena, and each arena comes to keep as much as the dearest requests need, one after
      the other, over tens of thousands of requests (docs/decisions/0022-soak.md).

    Other C libraries have no such call, and nothing happens there.
    """
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        if set_option is not None:
            set_option(_M_MMAP_THRESHOLD, _LARGE_BYTES)
            set_option(_M_ARENA_MAX, os.cpu_count() or 1)
