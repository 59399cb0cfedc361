"""``python -m tests.chaos.worker``: a worker with the scripted engine, whose image functions have traps.

Everything else is the worker that is deployed. A trap is sprung by the width of a photo, as that survives every
re-encoding on the way to the function.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from pathlib import Path
from typing import Any

from celery import signals

from tasks import imaging
from tasks.__main__ import main
from tests.chaos import engine
from tests.chaos.engine import DIARY_VARIABLE, Diary, Entry

CHILD_INIT_VARIABLE = "CHAOS_CHILD_INIT_SECONDS"
"""How long a pool child takes to start."""
SLEEP_VARIABLE = "CHAOS_SLEEP_SECONDS"
"""How long the traps that sleep do so."""


class Harm(IntEnum):
    """What a trap does."""

    KILL = 1
    SLEEP = 2
    MEMORY = 3


OPENING_TRAPS = 70
PART_TRAPS = 80
"""A photo whose width in pixels is this and a ``Harm`` springs a trap of an opening task, or of ``canny``."""


def spring(harm: Harm) -> None:
    """Do what a trap does."""
    match harm:
        case Harm.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Harm.SLEEP:
            threading.Event().wait(float(os.environ.get(SLEEP_VARIABLE, "1")))
        case Harm.MEMORY:
            raise MemoryError


def set_traps() -> None:
    """Put the traps before what an opening task does with a photo, and before ``canny``, a part of white balance."""
    normalise, canny = imaging.codec.normalise, imaging.canny.canny

    @wraps(normalise)
    def opening(data: bytes, *args: Any, **kwargs: Any) -> Any:
        spring_if_set(OPENING_TRAPS, imaging.probe.probe(data).width)
        return normalise(data, *args, **kwargs)

    @wraps(canny)
    def part(photo: Any, *args: Any, **kwargs: Any) -> Any:
        spring_if_set(PART_TRAPS, photo.shape[1])
        return canny(photo, *args, **kwargs)

    replace(imaging.codec, "normalise", opening)
    replace(imaging.canny, "canny", part)


def spring_if_set(traps: int, width: int) -> None:
    """Spring the trap of this width, if there is one."""
    if width - traps in set(Harm):
        spring(Harm(width - traps))


def replace(module: Any, name: str, function: Callable[..., Any]) -> None:
    """Put a function in the place of a module's own."""
    setattr(module, name, function)


def keep_diary(diary: Diary) -> None:
    """Note the start of every task."""

    @signals.task_prerun.connect(weak=False)
    def _started(task_id: str, task: Any, **_: Any) -> None:
        diary.write(Entry(what="task", label=task_id, detail=task.name))


def start_slowly(seconds: float) -> None:
    """Have each pool child take its time."""

    @signals.worker_process_init.connect(weak=False)
    def _wait(**_: Any) -> None:
        threading.Event().wait(seconds)


if __name__ == "__main__":
    sys.modules["tasks.engines.qwen"] = engine
    set_traps()
    keep_diary(Diary(Path(os.environ[DIARY_VARIABLE])))
    if CHILD_INIT_VARIABLE in os.environ:
        start_slowly(float(os.environ[CHILD_INIT_VARIABLE]))
    main()
