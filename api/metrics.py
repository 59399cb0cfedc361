"""What ``/metrics`` shows: how this process answers requests, and what the broker knows of everything else.

Every gateway shows the same numbers of the broker's; those of requests are its own. Label values are few: routes by
their templates, never by their paths; pools, operations, states, codes, names of tasks.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasks import ledger
from tasks.errors import UnavailableError
from tasks.figures import Figures
from tasks.jobs import FINAL_STATES, Operation, State
from tasks.ledger import AsyncLedger, Overview
from tasks.metrics import (
    COUNTED,
    JOBS_ACCEPTED,
    JOBS_FINISHED,
    MASK_CACHE,
    REQUEST_BUCKETS,
    Batches,
    Family,
    Kind,
    Lookup,
    Source,
    Tally,
)
from tasks.presence import WorkerState
from worker_profiles import Profile, ProfileName, load

log = structlog.get_logger(__name__)

POOL = "gateway"
"""The name under which gateways count."""
NO_ROUTE = "none"
"""Of a request that reached no route: unknown paths, and what was refused before."""
OTHER_METHOD = "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _shown(name: str, kind: Kind, source: Source, labels: tuple[str, ...], help_text: str) -> Family:
    return Family(name, kind, source, labels, help_text, REQUEST_BUCKETS if kind is Kind.HISTOGRAM else ())


REQUESTS = _shown(
    "darkroom_http_requests", Kind.COUNTER, Source.REQUESTS, ("method", "route", "status"), "Requests by their answer."
)
REQUEST_SECONDS = _shown(
    "darkroom_http_request_seconds",
    Kind.HISTOGRAM,
    Source.REQUESTS,
    ("method", "route"),
    "From a request's headers to the beginning of its answer.",
)
REQUESTS_OPEN = _shown(
    "darkroom_http_requests_open", Kind.GAUGE, Source.REQUESTS, (), "Requests that are being answered, streams too."
)
PROBLEMS = _shown("darkroom_http_problems", Kind.COUNTER, Source.REQUESTS, ("code",), "Requests refused or failed.")


def _held(name: str, labels: tuple[str, ...], help_text: str) -> Family:
    return _shown(name, Kind.GAUGE, Source.LEDGER, labels, help_text)


def _announced(name: str, labels: tuple[str, ...], help_text: str) -> Family:
    return _shown(name, Kind.GAUGE, Source.PRESENCE, labels, help_text)


BROKER_UP = _held("darkroom_broker_up", (), "Whether the broker has answered; all that it knows is missing otherwise.")
BROKER_MEMORY = _held("darkroom_broker_memory_bytes", (), "Memory that the broker uses.")
BROKER_MEMORY_SHARE = _held(
    "darkroom_broker_memory_ratio", (), "Share of the broker's memory in use; 0 where it has no limit."
)
JOBS_OPEN = _held("darkroom_jobs_open", ("operation", "state"), "Jobs that have not ended.")
DEAD_LETTERS = _held("darkroom_dead_letters", (), "Jobs that ended each worker that took them.")
DEAD_MESSAGES = _held("darkroom_dead_messages", (), "Malformed messages that were put aside.")
WEBHOOKS_DUE = _held("darkroom_webhooks_due", (), "Ended jobs whose client has not been told yet.")
DEAD_WEBHOOKS = _held("darkroom_dead_webhooks", (), "Ended jobs whose client could not be told.")
QUEUE_MESSAGES = _held("darkroom_queue_messages", ("pool", "queue"), "Messages that lie on a queue.")
QUEUE_WAITING = _held("darkroom_queue_waiting_jobs", ("pool", "queue"), "Jobs that no worker of the pool has taken.")
QUEUE_OPEN = _held("darkroom_queue_open_jobs", ("pool", "queue"), "Jobs that the pool has to work on, now or later.")
QUEUE_OLDEST = _held(
    "darkroom_queue_oldest_seconds", ("pool", "queue"), "Age of the job or message that has waited for longest."
)
WORKERS = _announced("darkroom_workers", ("pool", "state"), "Live workers.")
SLOTS = _announced("darkroom_pool_slots", ("pool",), "Tasks that the pool's live workers can run at once.")
IN_FLIGHT = _announced("darkroom_pool_in_flight", ("pool",), "Tasks that they run now.")
GPU_MEMORY_USED = _announced("darkroom_gpu_memory_used_bytes", ("pool", "gpu"), "GPU memory in use, by all processes.")
GPU_MEMORY = _announced("darkroom_gpu_memory_bytes", ("pool", "gpu"), "Memory that the GPU has.")
GPU_UTILISATION = _announced(
    "darkroom_gpu_utilisation_ratio", ("pool", "gpu"), "Share of the last sample in which a kernel ran on the GPU."
)

FAMILIES: tuple[Family, ...] = (
    *(REQUESTS, REQUEST_SECONDS, REQUESTS_OPEN, PROBLEMS),
    *(BROKER_UP, BROKER_MEMORY, BROKER_MEMORY_SHARE, JOBS_OPEN),
    *(DEAD_LETTERS, DEAD_MESSAGES, WEBHOOKS_DUE, DEAD_WEBHOOKS),
    *(QUEUE_MESSAGES, QUEUE_WAITING, QUEUE_OPEN, QUEUE_OLDEST),
    *(WORKERS, SLOTS, IN_FLIGHT, GPU_MEMORY_USED, GPU_MEMORY, GPU_UTILISATION),
    *COUNTED,
)
"""Everything that ``/metrics`` can show."""


class Requests:
    """How this process answers requests, in a registry of its own."""

    def __init__(self) -> None:
        """Nothing was answered yet."""
        # They are a second series for each, of which nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._answers = Counter(REQUESTS.name, REQUESTS.help, REQUESTS.labels, registry=self.registry)
        self._seconds = Histogram(
            *(REQUEST_SECONDS.name, REQUEST_SECONDS.help, REQUEST_SECONDS.labels),
            buckets=REQUEST_SECONDS.buckets,
            registry=self.registry,
        )
        self._open = Gauge(REQUESTS_OPEN.name, REQUESTS_OPEN.help, registry=self.registry)
        self._problems = Counter(PROBLEMS.name, PROBLEMS.help, PROBLEMS.labels, registry=self.registry)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Count a request while it is being answered."""
        with self._open.track_inprogress():
            yield

    def answered(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        """Count an answer; status 0 is a client that left before there was one."""
        method = scope["method"] if scope["method"] in _METHODS else OTHER_METHOD
        self._answers.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if "problem_code" in scope:
            self._problems.labels(str(scope["problem_code"])).inc()


class RequestMetrics:
    """ASGI: counts each request by its route and answer, and times it until the answer begins."""

    def __init__(self, app: ASGIApp, *, requests: Requests, templates: Mapping[int, str]) -> None:
        self.app = app
        self.requests = requests
        self.templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, seconds = time.monotonic(), 0, None

        async def watched(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = message["status"], time.monotonic() - started
            await send(message)

        with self.requests.open():
            try:
                await self.app(scope, receive, watched)
            finally:
                took = time.monotonic() - started if seconds is None else seconds
                self.requests.answered(scope, self._route(scope), status, took)

    def _route(self, scope: Scope) -> str:
        route = scope.get("route")
        # FastAPI's own routes lie behind a prefix that only their context knows.
        return NO_ROUTE if route is None else self.templates.get(id(route), str(getattr(route, "path", NO_ROUTE)))


def install(app: FastAPI, requests: Requests) -> None:
    """Have an app count its requests; call it when all routes and other middlewares are there."""
    templates = {id(context.original_route): str(context.path) for context in iter_route_contexts(app.routes)}
    app.add_middleware(RequestMetrics, requests=requests, templates=templates)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the broker told."""

    figures: Figures
    overview: Overview


class Scrape(Collector):
    """One scrape: this process's requests, and what the broker knows or, where it has not answered, that it is away."""

    def __init__(self, requests: Requests, reading: Reading | None) -> None:
        """Show a reading; None: the broker is away."""
        self._requests = requests
        self._reading = reading

    def collect(self) -> Iterable[Metric]:
        """Yield every family."""
        yield from self._requests.registry.collect()
        yield _gauge(BROKER_UP, {(): float(self._reading is not None)})
        if self._reading is not None:
            yield from _of_ledger(self._reading)
            yield from _of_workers(self._reading.overview)
            yield from _of_totals(self._reading.figures)


def _of_ledger(reading: Reading) -> Iterator[Metric]:
    figures, queues = reading.figures, reading.overview.queues
    yield _gauge(BROKER_MEMORY, {(): figures.memory_bytes})
    yield _gauge(BROKER_MEMORY_SHARE, {(): reading.overview.memory_share})
    none: dict[Any, float] = {(operation, state): 0 for operation in Operation for state in State if not state.is_final}
    yield _gauge(JOBS_OPEN, {**none, **figures.open_jobs})
    yield _gauge(DEAD_LETTERS, {(): figures.dead_letters})
    yield _gauge(DEAD_MESSAGES, {(): figures.dead_messages})
    yield _gauge(WEBHOOKS_DUE, {(): figures.due_webhooks})
    yield _gauge(DEAD_WEBHOOKS, {(): figures.dead_webhooks})
    depths = {(profile.name, queue): queues[queue] for profile in _profiles() for queue in profile.queues}
    yield _gauge(QUEUE_MESSAGES, {labels: depth.messages for labels, depth in depths.items()})
    yield _gauge(QUEUE_WAITING, {labels: depth.waiting_jobs for labels, depth in depths.items()})
    yield _gauge(QUEUE_OPEN, {labels: depth.open_jobs for labels, depth in depths.items()})
    yield _gauge(QUEUE_OLDEST, {labels: depth.oldest_seconds for labels, depth in depths.items()})


def _of_workers(overview: Overview) -> Iterator[Metric]:
    pools = {
        profile.name: [worker for worker in overview.workers if worker["profile"] == profile.name]
        for profile in _profiles()
    }
    states = {
        (pool, state): sum(worker["state"] == state for worker in workers)
        for pool, workers in pools.items()
        for state in WorkerState
    }
    yield _gauge(WORKERS, states)
    yield _gauge(SLOTS, {(pool,): sum(worker["slots"] for worker in workers) for pool, workers in pools.items()})
    yield _gauge(IN_FLIGHT, {(pool,): sum(worker["active"] for worker in workers) for pool, workers in pools.items()})
    told = [(pool, worker["gpu"]) for pool, workers in pools.items() for worker in workers if worker.get("gpu")]
    gpus = {(pool, gpu["gpu"]): gpu for pool, gpu in told}
    yield _gauge(GPU_MEMORY_USED, {labels: gpu["memory_used"] for labels, gpu in gpus.items()})
    yield _gauge(GPU_MEMORY, {labels: gpu["memory_total"] for labels, gpu in gpus.items()})
    yield _gauge(GPU_UTILISATION, {labels: gpu["utilisation"] for labels, gpu in gpus.items()})


_FROM_ZERO: Mapping[Family, frozenset[tuple[str, ...]]] = {
    JOBS_ACCEPTED: frozenset((operation,) for operation in Operation),
    JOBS_FINISHED: frozenset((operation, state) for operation in Operation for state in FINAL_STATES),
    MASK_CACHE: frozenset((result,) for result in Lookup),
}
"""Series that are shown before anything was counted: a rate needs the 0 before the first 1."""


def _of_totals(figures: Figures) -> Iterator[Metric]:
    for family in COUNTED:
        if family.kind is Kind.COUNTER:
            counted = {**dict.fromkeys(_FROM_ZERO.get(family, ()), 0.0), **figures.totals.counters.get(family, {})}
            yield _metric(CounterMetricFamily, family, counted)
        else:
            histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
            for labels, times in sorted(figures.totals.histograms.get(family, {}).items()):
                histogram.add_metric(labels, times.cumulated(family.buckets), times.total)
            yield histogram


def _gauge(family: Family, values: Mapping[Any, float]) -> Metric:
    return _metric(GaugeMetricFamily, family, values)


def _metric(kind: Any, family: Family, values: Mapping[Any, float]) -> Metric:
    metric: Metric = kind(family.name, family.help, labels=family.labels)
    for labels, value in sorted(values.items()):
        metric.add_metric(labels, value)  # type: ignore[attr-defined] # each kind has its own
    return metric


def _profiles() -> tuple[Profile, ...]:
    return tuple(map(load, ProfileName))


class Scrapes:
    """Reads the broker for those who scrape: all who ask at the same time share one read, and none waits for long."""

    def __init__(self, book: AsyncLedger, *, seconds: float) -> None:
        """``seconds``: how long a scrape waits for the broker."""
        self._ledger = book
        self._seconds = seconds
        self._reading: asyncio.Task[Reading | None] | None = None

    async def read(self) -> Reading | None:
        """Return what the broker tells now; None if it does not answer in time."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        # Not cancelled when it is late: a cancel that hits a command of redis-py can come out as another error.
        done, _ = await asyncio.wait({self._reading}, timeout=self._seconds)
        return self._reading.result() if done else None

    async def _read(self) -> Reading | None:
        try:
            return Reading(await self._ledger.apply(ledger.figures()), await self._ledger.apply(ledger.overview()))
        except UnavailableError as error:
            log.warning("metrics.broker_unavailable", reason=error.detail)
            return None


async def tell(tally: Tally, book: AsyncLedger, seconds: float) -> NoReturn:
    """Tell the broker every so many seconds what this gateway has counted, for ever, and once more when cancelled."""
    batches = Batches(tally)
    try:
        while True:
            await asyncio.sleep(seconds)
            await _tell(batches, book)
    finally:
        await _tell(batches, book)


async def _tell(batches: Batches, book: AsyncLedger) -> None:
    batch = batches.next()
    if batch is None:
        return
    try:
        await book.apply(ledger.tell(batch))
    except UnavailableError as error:
        log.warning("metrics.not_told", reason=error.detail)
    else:
        batches.told()
