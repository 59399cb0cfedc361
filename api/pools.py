"""What the pools of machines do: for admission, for estimates and for system health."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from api.eta import retry_seconds
from api.problems import RetryLaterError
from tasks import ledger
from tasks.errors import ErrorCode, broker_full
from tasks.ledger import AsyncLedger, Overview, PoolCapacity, QueueDepth
from tasks.presence import WorkerState
from tasks.queues import Queue
from worker_profiles import Profile, ProfileName, Service, for_queue, load

STALE_SECONDS = 0.5
"""An overview is shared by all requests of so long a time: 1,000 event streams cost the broker two reads a second."""
FULL_SECONDS = 30.0
"""When a client should come back to a full broker: records expire every second, but somebody may have to act."""
STUCK_SECONDS = 300.0
"""A pool with live workers whose oldest job has waited longer is degraded."""

_PREPARING = {WorkerState.STARTING, WorkerState.LOADING}
_SERVING = {WorkerState.READY, WorkerState.BUSY}


class Health(StrEnum):
    """How a service is."""

    HEALTHY = "healthy"
    ASLEEP = "asleep"
    STARTING = "starting"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool at one moment."""

    service: Service
    may_sleep: bool
    workers: tuple[dict[str, Any], ...]
    depth: QueueDepth
    capacity: PoolCapacity | None = None
    """What the scaler decided; None where nothing is scaled."""

    @property
    def states(self) -> set[WorkerState]:
        """What its workers do."""
        return {WorkerState(worker["state"]) for worker in self.workers}

    @property
    def is_preparing(self) -> bool:
        """Whether it has workers and none of them serves yet."""
        return bool(self.workers) and self.states <= _PREPARING

    @property
    def loading(self) -> str | None:
        """What a worker loads while none serves yet, without a full stop."""
        told = (str(worker.get("message") or "").rstrip(".") for worker in self.workers)
        return next(filter(None, told), None) if self.is_preparing else None

    @property
    def obstacle(self) -> str | None:
        """What work has to wait for before its turn, in a sentence; None where workers serve."""
        if not self.workers:
            return f"The {self.service} pool is asleep; a machine is being started."
        if self.is_preparing:
            loading = f": {self.loading}" if self.loading else "; its workers load what they need"
            return f"The {self.service} pool is starting{loading}."
        return None

    @property
    def engines(self) -> list[str]:
        """Names of what computes there."""
        return sorted({str(worker["engine"]) for worker in self.workers if worker.get("engine")})

    @property
    def slots(self) -> int:
        """Jobs that it can do at once."""
        return sum(int(worker["slots"]) for worker in self.workers)

    @property
    def busy(self) -> int:
        """Jobs that it does now."""
        return sum(int(worker["active"]) for worker in self.workers)

    @property
    def health(self) -> Health:
        """Zero workers are sleep where the profile allows it."""
        if not self.workers:
            return Health.ASLEEP if self.may_sleep else Health.DOWN
        if self.is_preparing:
            return Health.STARTING
        if not self.states & _SERVING or self.depth.oldest_seconds > STUCK_SECONDS:
            return Health.DEGRADED
        return Health.HEALTHY


def pool_of(overview: Overview, queue: Queue) -> Pool:
    """Return the pool that serves a queue."""
    return _pool(overview, for_queue(queue))


def pools_of(overview: Overview) -> Mapping[Service, Pool]:
    """Return every pool."""
    return {profile.service: _pool(overview, profile) for profile in map(load, ProfileName)}


def overall(pools: Iterable[Pool]) -> Health:
    """Return the health of the whole: healthy or degraded."""
    bad = {Health.DEGRADED, Health.DOWN}
    return Health.DEGRADED if any(pool.health in bad for pool in pools) else Health.HEALTHY


def _pool(overview: Overview, profile: Profile) -> Pool:
    workers = tuple(worker for worker in overview.workers if worker["service"] == profile.service)
    depth, capacity = overview.queues[profile.queues[0]], overview.capacity.get(profile.name)
    return Pool(profile.service, profile.may_sleep, workers, depth, capacity)


class Pools:
    """The overview, read when somebody asks and shared for a moment."""

    def __init__(self, book: AsyncLedger, limits: Mapping[Queue, int], memory_share: float) -> None:
        """``limits``: how many jobs or messages may wait on a queue; ``memory_share``: how full the broker may be."""
        self._ledger = book
        self._limits = limits
        self._memory_share = memory_share
        self._overview: Overview | None = None
        self._read_at = 0.0
        self._reading: asyncio.Task[Overview] | None = None

    async def overview(self) -> Overview:
        """Return an overview that is fresh enough. Raises ``UnavailableError`` (broker_unavailable)."""
        if self._overview is not None and time.monotonic() - self._read_at <= STALE_SECONDS:
            return self._overview
        if self._reading is None or self._reading.done():
            # One read for all who ask now, and one failure: behind a dead broker nobody waits for another's time-out.
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> Overview:
        overview = await self._ledger.apply(ledger.overview())
        self._overview, self._read_at = overview, time.monotonic()
        return overview

    async def admit(self, queue: Queue) -> None:
        """Raise ``UnavailableError`` (queue_full, broker_full) if the queue is at its limit, or the broker."""
        overview = await self.overview()
        if overview.memory_share >= self._memory_share:
            full = broker_full()
            raise RetryLaterError(full.code, full.detail, FULL_SECONDS)
        depth = overview.queues[queue]
        waiting, limit = max(depth.waiting_jobs, depth.messages), self._limits[queue]
        if waiting >= limit:
            seconds = retry_seconds(depth, limit)
            raise RetryLaterError(
                ErrorCode.QUEUE_FULL, f"{waiting} requests wait already; try again in {seconds:.0f} s.", seconds
            )
