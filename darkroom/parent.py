"""Notices that `make`, when it started us, has been asked to stop.

`make` passes SIGTERM on to what it runs, but not SIGINT: it believes that Ctrl-C in the terminal reached us too, and
waits. When SIGINT was sent to `make` alone, nobody would stop. While it waits, `make` blocks SIGINT, which Linux shows
in /proc; elsewhere only the end of `make` is noticed.
"""

import asyncio
import os
import signal
from pathlib import Path

_LOOK_SECONDS = 0.25
_LOOKS = 2
"""`make` also blocks the signal for microseconds around each start of a command."""


def started_by_make() -> bool:
    """Whether this process is a command in a makefile's recipe."""
    return bool(os.environ.get("MAKELEVEL"))


async def parent_interrupted() -> None:
    """Return when the parent process has been interrupted, or is gone."""
    parent = os.getppid()
    seen = 0
    while os.getppid() == parent and seen < _LOOKS:
        await asyncio.sleep(_LOOK_SECONDS)
        seen = seen + 1 if blocks_interrupt(parent) else 0


def blocks_interrupt(pid: int) -> bool:
    """Whether a process has SIGINT blocked; False where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    masks = (line.split()[1] for line in lines if line.startswith("SigBlk:"))
    return any(int(mask, 16) >> (signal.SIGINT - 1) & 1 for mask in masks)
