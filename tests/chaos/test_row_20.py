"""Row 20: everything at once, at random, for long."""

import os
import random
import re
import signal
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from enum import StrEnum

import httpx
import psutil
import pytest
import redis

from tasks.errors import UnavailableError
from tasks.jobs import Operation, State
from tasks.submission import prepare
from tests import lab
from tests.chaos.conftest import QUICK_LINES, MakeStand
from tests.chaos.engine import Fault, Script
from tests.chaos.faults import Scene, pause
from tests.chaos.proxy import Proxy
from tests.chaos.report import Report
from tests.chaos.scale import SCALE, Scale, pick
from tests.chaos.stand import Gateway, Stand, Watched, verify_history

SOAK_SECONDS = float(os.environ.get("DARKROOM_SOAK_SECONDS") or pick(short=10, full=1200))
FAULT_SECONDS = pick(short=1.5, full=8)
"""Between two faults, on average."""
JOBS = pick(short=50, full=int(20_000 * SOAK_SECONDS / 1200))
OPEN_AT_ONCE = pick(short=60, full=120)
OWNERS = [f"owner-{number}" for number in range(12)]
"""Each owner's jobs set out a few at a time."""
RETENTION_SECONDS = 30
SEED = int(os.environ.get("DARKROOM_SOAK_SEED") or pick(short=20, full=int(time.time())))
"""The short scale does the same each time: it is no lottery for who has changed something else."""

SETTINGS = {
    **QUICK_LINES,
    "DARKROOM_LEASE_SECONDS": "3",
    "DARKROOM_SWEEP_SECONDS": "0.5",
    "DARKROOM_GRACE_SECONDS": "2",
    "DARKROOM_JOB_RETENTION_SECONDS": str(RETENTION_SECONDS),
    "DARKROOM_IDEMPOTENCY_SECONDS": str(RETENTION_SECONDS),
    "DARKROOM_REPLY_SECONDS": "20",
    "DARKROOM_IMAGE_RETENTION_SECONDS": str(3 * RETENTION_SECONDS),
    "DARKROOM_HOUSEKEEPING_SECONDS": "20",
    # Half of the time after which Celery puts a dead worker's messages back, for the ledger to refuse them.
    "DARKROOM_JOB_TIME_LIMIT_SECONDS": "15",
    "DARKROOM_LOG_FORMAT": "json",
}
"""Records and images leave within minutes, so that what stays for good is seen."""

EXIT_UNFORESEEN = 70
"""Of a worker whose start failed (``tasks.worker``)."""
LASTING = re.compile(
    r"darkroom:(workers|worker:.*|sweeper|housekeeping|stores|segmenter|jobs:(seconds|arrivals|turns:.*|dead|failures))"
    r"|darkroom:(metrics|messages:dead)|_kombu\..*|unacked(_index|_mutex)?"
)
"""Keys that a broker without work has."""


@dataclass
class Load:
    """Submits jobs and watches each to its end; what it counts is what the soak asserts."""

    stand: Stand
    gateways: Callable[[], Sequence[Gateway]]
    dice: random.Random
    open: dict[str, Fault] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Keep so many jobs open until stopped."""
        while not self._stopped.is_set():
            if len(self.open) < OPEN_AT_ONCE:
                self._submit()
            else:
                self._look()

    def stop(self) -> None:
        """Submit no more."""
        self._stopped.set()

    def drain(self, seconds: float) -> None:
        """Watch the open jobs to their ends."""
        lab.wait_for(lambda: self._look() or not self.open, f"the end of the open jobs {list(self.open)[:3]}", seconds)

    def _submit(self) -> None:
        fault = self.dice.choices([Fault.NONE, Fault.MEMORY, Fault.KILL], [500, 5, 1])[0]
        script = Script(steps=self.dice.choice([1, 2]), seconds=0, fault=fault, at=1, times=1)
        try:
            job_id = self._over_http(script) if self.dice.random() < 0.1 else self._directly(script)
        except (UnavailableError, redis.RedisError, httpx.TransportError):
            self.refused += 1
            pause(0.2)
            return
        if job_id is not None:
            self.accepted += 1
            self.open[job_id] = fault
            if self.dice.random() < 0.01:
                self._cancel(job_id)

    def _directly(self, script: Script) -> str:
        operation = self.dice.choice([Operation.TEXT_TO_IMAGE, Operation.WHITE_BALANCE, Operation.REMOVAL])
        edit = self.stand.edit(script, operation)
        submission = prepare(edit, owner=self.dice.choice(OWNERS), job_id=str(uuid.uuid4()))
        # Sent again until it is known to have arrived: one id is one job.
        while True:
            try:
                self.stand.book.apply(submission.move)
            except UnavailableError:
                pause(0.2)
            else:
                return submission.job_id

    def _over_http(self, script: Script) -> str | None:
        gateway = self.dice.choice(self.gateways())
        headers = {"Idempotency-Key": script.label}
        body = {"prompt": script.model_dump_json()}
        for _ in range(50):
            try:
                answer = gateway.http.post("/api/generate/async", json=body, headers=headers)
            except (httpx.TransportError, RuntimeError):
                gateway = self.dice.choice(self.gateways())
                pause(0.2)
                continue
            if answer.is_success:
                return str(answer.json()["task_id"])
            assert answer.status_code == 503, answer.text
            self.refused += 1
            pause(0.2)
        return None

    def _cancel(self, job_id: str) -> None:
        try:
            self.stand.cancel(job_id)
        except UnavailableError:
            self.refused += 1

    def _look(self) -> None:
        try:
            with self.stand.broker.client.pipeline(transaction=False) as pipe:
                for job_id in self.open:
                    pipe.hget(f"darkroom:job:{job_id}", "state")
                states = dict(zip(list(self.open), pipe.execute(), strict=True))
            for job_id, state in states.items():
                if state is None:
                    self.lost.append(job_id)
                    del self.open[job_id]
                elif State(state).is_final:
                    self._close(job_id)
        except (UnavailableError, redis.RedisError):
            pass  # the broker is away: the next look tells
        pause(0.05)

    def _close(self, job_id: str) -> None:
        job, events = self.stand.job(job_id), self.stand.events(job_id)
        verify_history(events)
        self.ended[job.state] += 1
        if job.state is State.ERROR and self.open[job_id] is not Fault.MEMORY:
            self.odd.append(f"{job_id}: {job.failure}")
        del self.open[job_id]


@dataclass
class Watch:
    """Samples of what has to stay flat."""

    steady: Callable[[], dict[str, int]]
    """Process ids by role."""
    stand: Stand
    memory: dict[str, list[int]] = field(default_factory=dict)
    files: dict[str, list[int]] = field(default_factory=dict)
    connections: list[int] = field(default_factory=list)

    def sample(self) -> None:
        """Take one sample of each."""
        for role, pid in self.steady().items():
            with suppress(psutil.NoSuchProcess):  # it is being replaced
                process = psutil.Process(pid)
                family = [process, *process.children(recursive=True)]
                self.memory.setdefault(role, []).append(sum(map(_resident, family)))
                self.files.setdefault(role, []).append(process.num_fds())
        try:
            info = self.stand.broker.client.info()
        except redis.RedisError:
            return
        self.memory.setdefault("broker", []).append(info["used_memory_dataset"])
        self.connections.append(info["connected_clients"])


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def growth(samples: Sequence[float]) -> float:
    """Return the median of the last third over that of the second one: caches are full by then."""
    third = len(samples) // 3
    return statistics.median(samples[-third:]) / max(1.0, statistics.median(samples[third : 2 * third]))


class Kind(StrEnum):
    """What becomes of a process."""

    VICTIM = "victim"
    """Killed, stopped and frozen, and started again."""
    STEADY = "steady"
    """Killed by nothing but a job that does so: its memory, files and connections can be watched through the rest."""


KINDS = pick(short=(Kind.VICTIM,), full=(Kind.VICTIM, Kind.STEADY))


@dataclass
class Soaked:
    """All that runs."""

    harm: Scene
    steady: dict[str, Watched]
    gateways: list[Gateway]

    @property
    def pids(self) -> dict[str, int]:
        """The steady processes, by role."""
        workers = {role: worker.pid for role, worker in self.steady.items()}
        return workers | dict(zip(["gateway"], [each.process.pid for each in self.gateways[1:]], strict=False))

    def open_gateways(self) -> list[Gateway]:
        """Return those that a client may ask now."""
        return [self.harm.gateway, *self.gateways[1:]]


@pytest.fixture
def soaked(make_stand: MakeStand) -> Iterator[Soaked]:
    """Start two of each process, in the short scale one."""
    stand = make_stand(SETTINGS, appendonly="yes", appendfsync="everysec")
    assert stand.images
    with ExitStack() as opened:
        lines = [opened.enter_context(Proxy(port)) for port in (stand.broker.port, stand.cache.port)]
        urls = [f"redis://127.0.0.1:{line.port}/0" for line in lines]
        stand.environment |= dict(zip(("REDIS_URL", "IMAGE_CACHE_URL"), urls, strict=True))
        started = [(kind, profile) for kind in KINDS for profile in ("cpu", "a100", "jobs")]
        with ThreadPoolExecutor() as threads:
            workers = list(threads.map(lambda which: stand.watch(which[1]), started))
            gateways = list(threads.map(lambda _: stand.gateway(), KINDS))
        watched = dict(zip(started, workers, strict=True))
        steady = {profile: worker for (kind, profile), worker in watched.items() if kind is Kind.STEADY}
        victims = {profile: worker for (kind, profile), worker in watched.items() if kind is Kind.VICTIM}
        harm = Scene(stand, *lines, victims, gateways[0], random.Random(SEED))
        yield Soaked(harm, steady, gateways)


@pytest.mark.soak
def test_everything_at_random_loses_nothing(soaked: Soaked, report: Report) -> None:
    """Through every fault at random each accepted job ends once, and nothing grows, leaks or is left open."""
    harm, stand, steady = soaked.harm, soaked.harm.stand, soaked.pids
    load = Load(stand, soaked.open_gateways, random.Random(SEED + 1))
    watch = Watch(lambda: soaked.pids, stand)
    injected: Counter[str] = Counter()
    submitting = threading.Thread(target=load.run, name="load")
    began = time.monotonic()
    submitting.start()
    try:
        for name in schedule(harm):
            if time.monotonic() - began > SOAK_SECONDS:
                break
            watch.sample()
            harm.all()[name]()
            injected[name] += 1
            wait_and_sample(watch, harm.dice.uniform(0.5, 1.5) * FAULT_SECONDS)
        took = time.monotonic() - began
    finally:
        load.stop()
        submitting.join()
    load.drain(100)
    drained = time.monotonic() - began - took
    grown = {role: growth(samples) for role, samples in watch.memory.items()}
    report.row(
        20,
        injected=f"{sum(injected.values())} faults of {len(injected)} kinds in {took:.0f} s (seed {SEED})",
        counted=f"{load.accepted} jobs: {dict(load.ended)}; lost {len(load.lost)}, open {len(load.open)}, "
        f"requests refused {load.refused}, ended otherwise than asked {len(load.odd)}",
        measured=f"{load.accepted / took:.1f} jobs/s, drained in {drained:.1f} s; memory of the last third by the "
        f"second's: {', '.join(f'{role} {ratio:.2f}' for role, ratio in grown.items())}",
        bound=f"lost 0, one end each, growth {GROWTH}",
    )
    assert load.lost == []
    assert load.odd == []
    assert load.accepted >= JOBS
    assert sum(load.ended.values()) == load.accepted
    lab.wait_for(lambda: stand.broker.client.zcard("darkroom:jobs:open") == 0, "no open job")
    ends = {role: set(worker.ends) for role, worker in soaked.steady.items() if worker.ends}
    # By the jobs that kill; and a worker that begins while its store or broker is away ends, to be started again.
    assert ends.pop("a100", set()) <= {-signal.SIGKILL, EXIT_UNFORESEEN}
    assert ends == {}
    assert soaked.pids.get("gateway") == steady.get("gateway")
    assert max(grown.values()) <= GROWTH
    assert all(files[-1] <= 1.5 * statistics.median(files) + 20 for files in watch.files.values())
    listeners = stand.broker.client.client_list(_type="pubsub")
    assert len(listeners) == len(soaked.gateways), "each gateway listens, and nobody else"
    assert watch.connections[-1] <= 1.5 * statistics.median(watch.connections) + 20
    assert stand.broker.client.pubsub_channels() == []
    if SCALE is Scale.FULL:
        lab.wait_for(lambda: stand.unacked() == 0, "the messages of dead workers to come back and be refused")
        lab.wait_for(lambda: not list(stand.broker.client.scan_iter("darkroom:job:*")), "the records to expire", 100)
    assert leaked(stand) == []


GROWTH = 1.15 if SOAK_SECONDS >= 300 else 2.0
"""In seconds nothing can be told of memory, as records are still to expire; in minutes a kilobyte per job shows."""


def schedule(harm: Scene) -> Iterator[str]:
    """Yield faults for ever: all of them in a new order each time."""
    while True:
        names = sorted(harm.all())
        harm.dice.shuffle(names)
        yield from names


def wait_and_sample(watch: Watch, seconds: float) -> None:
    """Let the system work, and look at it every second or so."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        pause(min(1.0, seconds))
        watch.sample()


def leaked(stand: Stand) -> list[str]:
    """Return the keys that would stay for ever, and half images that housekeeping leaves."""
    client = stand.broker.client
    with client.pipeline(transaction=False) as pipe:
        keys = [key for key in client.scan_iter(count=1000) if not LASTING.fullmatch(key)]
        for key in keys:
            pipe.ttl(key)
        lasting = [key for key, seconds in zip(keys, pipe.execute(), strict=True) if seconds == -1]
    stand.images.expire(0)
    halves = [path.name for path in (stand.folder / "images").rglob("*#*")]
    return lasting + halves
