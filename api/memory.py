"""What a gateway does with its memory, so that its process stays small and its loop is not held up."""

import ctypes
import gc
import sys

_M_MMAP_THRESHOLD = -3
"""Of glibc's ``malloc.h``."""
_LARGE_BYTES = 262_144
"""Twice glibc's first threshold: few enough blocks are larger to have a mapping each."""


def return_large_blocks() -> None:
    """Have large blocks go back to the system as soon as they are freed.

    glibc raises the size from which it does so up to 32 MB, with each block that is freed; pictures and bodies that
    came after would stay with the process. Other C libraries do as they do.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def keep_what_is_there() -> None:
    """Have garbage collections not look at what exists now: the modules, the routes and their schemas.

    A full collection, every few seconds under load, otherwise walks all of them, and nobody is answered meanwhile.
    """
    gc.collect()
    gc.freeze()
