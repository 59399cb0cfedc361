"""The workers of a machine: started when their weights are there, looked after, and drained once."""

import asyncio
import threading
import time
from collections.abc import Callable

import redis
import structlog

from darkroom import weights
from darkroom.errors import CommandError
from darkroom.machine.gpus import gpu_ids
from darkroom.machine.settings import MachineSettings
from darkroom.stack import worker_arguments
from darkroom.supervisor import Program, Supervised, Supervisor, Tier
from darkroom.weights import Fetched
from tasks import ledger
from tasks.ledger import Ledger
from tasks.logs import log_format
from tasks.presence import WorkerState, states, worker_name
from tasks.settings import settings as worker_settings
from worker_profiles import Profile

EXIT_CONFIGURATION = 78
"""A worker's status (``tasks.worker``), and then the machine's: a restart changes nothing. EX_CONFIG of sysexits.h."""
_TOLD_SECONDS = 5.0
"""Between two lines about weights that are being fetched."""

log = structlog.get_logger(__name__)


class Crew:
    """The workers of one machine: started when the weights are there, and drained once."""

    def __init__(
        self,
        profile: Profile,
        settings: MachineSettings,
        supervisor: Supervisor,
        region: str | None,
        count: int | None = None,
    ) -> None:
        """Prepare; nothing is started yet."""
        self.may_start = asyncio.Event()
        """Set by whoever knows that this machine is to work."""
        self.fetched = False
        self.failure: CommandError | None = None
        """Why there are no weights."""
        self._profile = profile
        self._settings = settings
        self._supervisor = supervisor
        self._region = region
        self._count = count
        self._workers: list[Supervised] = []
        self._closing = threading.Event()
        self._drain: asyncio.Task[None] | None = None
        self._book: Ledger | None = None

    @property
    def given_up(self) -> bool:
        """Whether there are no weights, or a worker cannot start until somebody mends its configuration."""
        return self.failure is not None or any(each.has_given_up for each in self._workers)

    @property
    def helpless(self) -> bool:
        """Whether that is so of every worker."""
        return self.failure is not None or (bool(self._workers) and all(each.has_given_up for each in self._workers))

    @property
    def gone(self) -> bool:
        """Whether the drain is over."""
        return self._drain is not None and self._drain.done()

    @property
    def started(self) -> bool:
        """Whether there are workers."""
        return bool(self._workers)

    async def work(self, *, alone: bool) -> None:
        """Fetch the weights and run the workers; return when all are over. ``alone``: nobody else says when to start.

        Without weights there are no workers, and ``failure`` says why.
        """
        try:
            await self._fetch()
        except CommandError as error:
            if not self._closing.is_set():
                log.critical("machine.no_weights", url=self._settings.models_url, reason=str(error))
                self.failure = error
            return
        if not alone:
            await self.may_start.wait()
        gpus = await asyncio.to_thread(gpu_ids)
        if self._closing.is_set():
            return
        wanted = programs(self._profile, self._region, gpus, self._count)
        log.info("machine.workers", profile=self._profile.name, workers=[program.name for program in wanted])
        self._workers = [self._supervisor.start(program) for program in wanted]
        await asyncio.gather(*(each.over() for each in self._workers))

    async def _fetch(self) -> None:
        url = self._settings.models_url
        if url is not None:
            started = time.monotonic()
            log.info("machine.fetching_weights", url=url)
            fetched = await asyncio.to_thread(self._fetch_weights, url)
            _tell_fetched(url, fetched, time.monotonic() - started)
        self.fetched = True

    def _fetch_weights(self, url: str) -> Fetched:
        return weights.fetch(
            url,
            worker_settings().models_folder,
            every(_TOLD_SECONDS, lambda done, total: log.info("machine.weights", done=done, total=total)),
            region=self._region,
            # A machine of a group is replaced when it has crashed: its disk is never read again.
            lasting=self._settings.machine_group is None,
            stop=self._closing,
        )

    async def states(self) -> tuple[WorkerState | None, ...] | None:
        """Return what each worker announces; None while that is unknown."""
        if not self._workers or self._drain is not None:
            return None
        return await asyncio.to_thread(self._read_states)

    def _read_states(self) -> tuple[WorkerState | None, ...] | None:
        names = [worker_name(self._profile.name, each.pid) for each in self._workers if each.pid is not None]
        try:
            told = states(self._connected().client, names)
        except redis.RedisError as error:
            log.warning("machine.broker_unavailable", reason=str(error))
            return None
        return told + (None,) * (len(self._workers) - len(names))

    def _connected(self) -> Ledger:
        if self._book is None:
            self._book = ledger.connect(worker_settings().redis_url, patience_seconds=0)
        return self._book

    def begin_drain(self) -> None:
        """Stop all workers side by side, and start no more; each has its grace."""
        self._closing.set()
        self.may_start.set()
        if self._drain is None:
            self._drain = asyncio.create_task(self._supervisor.stop(), name="drain")

    async def drain(self) -> None:
        """Stop all workers and return when they are gone."""
        self.begin_drain()
        if self._drain is not None:
            await self._drain
        if self._book is not None:
            self._book.client.close()


def programs(profile: Profile, region: str | None, gpus: tuple[str, ...], count: int | None = None) -> list[Program]:
    """Return the workers of a machine: one, or one per GPU where the profile has them, unless ``count`` says more.

    Each has a GPU of its own; where there are more workers than GPUs, they share them in turns.
    """
    gpus = gpus if profile.gpu else ()
    total = count or len(gpus) or 1
    shared = {"DARKROOM_PROFILE": profile.name, "DARKROOM_LOG_FORMAT": log_format()}
    if region is not None:
        shared["AWS_REGION"] = region
    return [
        Program(
            name=profile.name if total == 1 else f"{profile.name}-{number}",
            arguments=worker_arguments(profile, None if total == 1 else number),
            tier=Tier.WORKERS,
            grace_seconds=profile.drain_seconds,
            environment={**shared, **({"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {})},
            final_statuses=frozenset({EXIT_CONFIGURATION}),
        )
        for number in range(total)
    ]


def every(seconds: float, tell: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Return a function that passes its arguments on, once in so many seconds."""
    told_at = -seconds

    def passed_on(done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= seconds:
            told_at = time.monotonic()
            tell(done, total)

    return passed_on


def _tell_fetched(url: str, fetched: Fetched, seconds: float) -> None:
    log.info(
        "machine.weights_fetched",
        url=url,
        files=fetched.files,
        bytes=fetched.bytes,
        there_already=fetched.skipped,
        seconds=round(seconds, 2),
        megabytes_per_second=round(fetched.bytes / seconds / 1e6, 1),
    )
