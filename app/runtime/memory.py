"""Memory that networks have left behind."""

import ctypes
import sys


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
