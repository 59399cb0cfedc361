"""Workers tell their state in expiring keys; health, ETA and scaling read those, never ``inspect``."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import redis
import structlog

from tasks import ledger
from tasks.errors import UnavailableError
from tasks.gpu import Gpu
from tasks.settings import settings
from worker_profiles import Profile, ProfileName

log = structlog.get_logger(__name__)


class WorkerState(StrEnum):
    """What a worker does."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Tasks of a worker, as system health shows them."""

    active: int
    """Running now."""
    taken: int
    """Taken since its start."""


def worker_name(profile: ProfileName, pid: int) -> str:
    """Return the name under which a worker of this machine (of this container) announces itself."""
    return f"{profile}@{socket.gethostname()}:{pid}"


def states(client: "redis.Redis", workers: Sequence[str]) -> tuple[WorkerState | None, ...]:
    """Return what workers announced last, by their names; None for one that has announced nothing yet, or is gone.

    Reads these keys alone, which a worker's user of the broker may do. Raises ``redis.RedisError``.
    """
    told = client.mget([f"darkroom:worker:{name}" for name in workers]) if workers else []
    return tuple(WorkerState(json.loads(each)["state"]) if each else None for each in told)


class Presence(threading.Thread):
    """Announces this worker's state at every change, and at every heartbeat."""

    def __init__(
        self, book: ledger.Ledger, profile: Profile, engine: str | None, counts: Callable[[], TaskCounts]
    ) -> None:
        """Describe the worker; ``counts`` tells of its tasks. Nothing is announced before ``start``."""
        super().__init__(name="presence", daemon=True)
        self.worker = worker_name(profile.name, os.getpid())
        self._ledger = book
        self._fixed: dict[str, object] = {
            "name": self.worker,
            "profile": profile.name,
            "service": profile.service,
            "engine": engine,
            "device": None,
            "pid": os.getpid(),
            "slots": profile.concurrency or os.cpu_count() or 1,
            "started_at": time.time(),
        }
        self._counts = counts
        self._gpu: Gpu | None = None
        self._state = WorkerState.STARTING
        self._message = ""
        self._changed = threading.Event()
        self._stopped = False

    def change(self, state: WorkerState, message: str = "") -> None:
        """Announce a new state at once, with a sentence on what takes time; draining is the last one."""
        if self._state is not WorkerState.DRAINING:
            self._state = state
            self._message = message
            self._changed.set()

    def describe(self, **facts: str) -> None:
        """Add to what is announced."""
        self._fixed = {**self._fixed, **facts}
        self._changed.set()

    def watch(self, gpu: Gpu | None) -> None:
        """Tell with each announcement how a GPU is."""
        self._gpu = gpu

    def run(self) -> None:
        """Announce each change, and that the worker lives, until stopped."""
        told: dict[str, object] = {}
        told_at = 0.0
        while not self._stopped:
            self._changed.clear()
            current = self._current()
            if current != told or time.monotonic() - told_at >= settings().announce_seconds:
                self._announce({**current, **self._gpu_state()}, settings().presence_seconds)
                told, told_at = current, time.monotonic()
            self._changed.wait(settings().presence_look_seconds)

    def stop(self) -> None:
        """Take the worker off the list."""
        self._stopped = True
        self._changed.set()
        self.join(timeout=1)
        self._announce({}, 0)

    def _current(self) -> dict[str, object]:
        counts = self._counts()
        state = WorkerState.BUSY if self._state is WorkerState.READY and counts.active else self._state
        return {**self._fixed, "state": state, "message": self._message, **asdict(counts)}

    def _gpu_state(self) -> dict[str, object]:
        # Not a part of what is compared: it changes all the time.
        state = self._gpu.state() if self._gpu is not None else None
        return {"gpu": asdict(state)} if state is not None else {}

    def _announce(self, state: dict[str, object], seconds: int) -> None:
        try:
            self._ledger.apply(ledger.announce(self.worker, state, seconds))
        except UnavailableError as error:
            log.warning("presence.not_announced", reason=error.detail)


def announced_here(book: ledger.Ledger, profile: ProfileName) -> list[dict[str, Any]]:
    """Return what the live workers of a profile on this host tell of themselves; a container is a host.

    Raises redis-py's errors.
    """
    here = f"{profile}@{socket.gethostname()}:"
    everybody: Any = book.client.zrange("darkroom:workers", 0, -1)
    keys = [f"darkroom:worker:{name}" for name in everybody if name.startswith(here)]
    told = book.client.mget(keys) if keys else []
    return [json.loads(worker) for worker in told if worker]
