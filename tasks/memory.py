"""How much memory this process may take, and what it does with what it has freed."""

import ctypes
import resource
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's ``malloc.h``."""
_REUSED_BYTES = 33_554_432
"""The most that glibc takes for its threshold: the pixels of 11 megapixels. Larger blocks have a mapping each."""
_KEPT_BYTES = 67_108_864
"""What is free at the heap's end stays with the process up to this."""


def limit_memory(most: int) -> None:
    """Have allocations fail that would take this process over so many bytes of private memory.

    Linux counts what is allocated, stacks of threads included, and not what is mapped from files (RLIMIT_DATA); macOS
    does not enforce it. A stricter limit of the machine stays.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def keep_freed_blocks() -> None:
    """Have freed blocks be used again by this process, instead of going back to the system.

    What comes anew from the system is zeroed page by page as it is touched: a fifth of the time of a small resize.
    Other C libraries do as they do.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _REUSED_BYTES)
        set_option(_M_TRIM_THRESHOLD, _KEPT_BYTES)
