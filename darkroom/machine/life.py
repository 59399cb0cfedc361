"""A machine from its first process to its last: weights, workers, and what its autoscaling group has to be told."""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import redis
import structlog

from darkroom import weights
from darkroom.errors import CommandError, UsageError
from darkroom.machine import metadata
from darkroom.machine.duties import Act, Outcome, Pace, Sight, Standing, decide, follow, observe
from darkroom.machine.gpus import gpu_ids
from darkroom.machine.metadata import Metadata, MetadataUnavailable, Notices
from darkroom.machine.settings import MachineSettings
from darkroom.output import LinePrinter
from darkroom.stack import worker_arguments
from darkroom.supervisor import SUPERVISOR, Log, Program, Supervised, Supervisor, Tier
from darkroom.weights import Fetched
from tasks import ledger
from tasks.ledger import Ledger
from tasks.logs import log_format
from tasks.presence import WorkerState, states, worker_name
from tasks.settings import settings as worker_settings
from worker_profiles import Profile

if TYPE_CHECKING:
    from darkroom.machine.group import Group

EXIT_CONFIGURATION = 78
"""A worker's status (``tasks.worker``), and then the machine's: a restart changes nothing. EX_CONFIG of sysexits.h."""
_TOLD_SECONDS = 5.0
"""Between two lines about weights that are being fetched."""
_NOTHING = Notices(target=None, spot=None, rebalance=False)

log = structlog.get_logger(__name__)


async def run(profile: Profile, settings: MachineSettings, workers: int | None = None) -> int:
    """Run a machine until SIGTERM, SIGINT or the end that its group gives it; return its exit status.

    ``workers`` overrides one per GPU. No process is left when this returns. Raises ``CommandError`` when the weights
    cannot be fetched, ``UsageError`` when the group is set and boto3 is missing.
    """
    if settings.machine_group is not None:
        _require_aws()
    async with metadata.connect(settings.metadata_url) as service, Supervisor(lines(), None) as supervisor:
        stop = _stop_requests(supervisor)
        region = await _region(settings, service)
        crew = Crew(profile, settings, supervisor, region, workers)
        watch = Watch(crew, service, settings) if settings.machine_group is not None else None
        stopping = asyncio.create_task(stop.wait())
        working = asyncio.create_task(crew.work(alone=watch is None))
        ending = working if watch is None else asyncio.create_task(watch.run())
        await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
        log.info("machine.stopping", profile=profile.name, asked=stopping.done())
        await crew.drain()
        for task in (stopping, working, ending):
            task.cancel()
        outcomes = await asyncio.gather(working, ending, return_exceptions=True)
        if watch is not None:
            await watch.close()
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    if crew.failure is not None:
        raise crew.failure
    return EXIT_CONFIGURATION if crew.given_up and not stop.is_set() else os.EX_OK


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
        if self._closing.is_set():
            return
        wanted = programs(self._profile, self._region, await asyncio.to_thread(gpu_ids), self._count)
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


class Watch:
    """Looks at notices and workers again and again, and carries out what is decided upon them."""

    def __init__(self, crew: Crew, service: Metadata, settings: MachineSettings) -> None:
        """Prepare; nothing is asked yet."""
        self._crew = crew
        self._service = service
        self._settings = settings
        self._pace = Pace(
            settings.machine_idle_seconds, settings.machine_heartbeat_seconds, settings.machine_ready_seconds
        )
        self._standing = Standing(time.monotonic())
        self._notices = _NOTHING
        self._reachable = True
        self._group: Group | None = None

    async def run(self) -> None:
        """Look and act until there is nothing left to do on this machine."""
        while True:
            sight = await self._look()
            self._standing = observe(self._standing, sight)
            act = decide(self._standing, sight, self._pace)
            if act is Act.LEAVE:
                return
            if act is not Act.KEEP:
                outcome = await self._carry_out(act)
                log.info("machine.act", act=act, outcome=outcome, target=sight.target, spot=self._notices.spot)
                self._standing = follow(self._standing, act, outcome, sight)
            if not (self._standing.draining or sight.is_warm):
                self._crew.may_start.set()
            await asyncio.sleep(self._settings.machine_look_seconds)

    async def close(self) -> None:
        """Leave no protection behind on a machine that no longer works."""
        if self._standing.protected:
            await self._carry_out(Act.UNPROTECT)

    async def _look(self) -> Sight:
        await self._read_notices()
        crew = self._crew
        sight = Sight(
            at=time.monotonic(),
            target=self._notices.target,
            spot=self._notices.spot is not None,
            rebalance=self._notices.rebalance,
            given_up=crew.given_up,
            helpless=crew.helpless,
            gone=crew.gone,
        )
        if sight.is_warm and crew.fetched and not crew.started:
            return replace(sight, workers=())
        return replace(sight, workers=await crew.states())

    async def _read_notices(self) -> None:
        """Take what is announced now; while the service is away, what was announced last holds."""
        try:
            notices = await self._service.notices()
        except MetadataUnavailable as error:
            if self._reachable:
                log.warning("machine.metadata_unavailable", url=self._settings.metadata_url, reason=str(error))
            self._reachable = False
            return
        if notices != self._notices:
            log.info("machine.noticed", target=notices.target, spot=notices.spot, rebalance=notices.rebalance)
        self._notices, self._reachable = notices, True

    async def _carry_out(self, act: Act) -> Outcome:
        if act is Act.DRAIN:
            self._crew.begin_drain()
            return Outcome.DONE
        group = await self._known_group()
        return Outcome.FAILED if group is None else await asyncio.to_thread(group.carry_out, act)

    async def _known_group(self) -> "Group | None":
        """Return the group as soon as the metadata service says who this machine is."""
        if self._group is None and self._settings.machine_group is not None:
            from darkroom.machine.group import Group  # noqa: PLC0415 - boto3 is an extra, and takes 0.3 s to import

            with contextlib.suppress(MetadataUnavailable):
                self._group = Group(self._settings.machine_group, await self._service.identity())
        return self._group


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


def lines() -> Log:
    """Return what writes the lines of workers to stderr, each with its worker's name, and the supervisor's own."""
    printer = LinePrinter(sys.stderr.fileno())
    as_json = log_format() == "json"

    def write(name: str, line: str) -> None:
        if name == SUPERVISOR:
            log.warning("machine.supervisor", what=line)
        elif as_json:
            printer("", labelled(name, line))
        else:
            printer(name, line)

    return write


def labelled(name: str, line: str) -> str:
    """Return a worker's line as JSON with the worker's name; what is no JSON object becomes the event worker.said."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        fields = {"event": "worker.said", "line": line}
    return json.dumps({"worker": name, **fields})


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


async def _region(settings: MachineSettings, service: Metadata) -> str | None:
    """Return the region of the environment, or the machine's own where it belongs to a group."""
    named = settings.region or os.environ.get("AWS_DEFAULT_REGION")
    if named or settings.machine_group is None:
        return named
    try:
        return (await service.identity()).region
    except MetadataUnavailable as error:
        log.warning("machine.metadata_unavailable", url=settings.metadata_url, reason=str(error))
        return None


def _require_aws() -> None:
    if importlib.util.find_spec("boto3") is None:
        raise UsageError("DARKROOM_MACHINE_GROUP needs the package boto3: install Darkroom with the aws extra.")


def _stop_requests(supervisor: Supervisor) -> asyncio.Event:
    """Return an event that the first stop signal sets; the second signal kills everything."""
    stop = asyncio.Event()

    def request() -> None:
        if stop.is_set():
            log.warning("machine.killing")
            supervisor.kill()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, request)
    return stop
