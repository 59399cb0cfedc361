"""What is counted, where each number comes from, and how it reaches the gateways' ``/metrics``.

Task events would cost a third of the workers' throughput. So each process counts in its memory (``Tally``), and tells
the broker every few seconds what came to it, in one script; what happens to jobs is counted by the ledger's own scripts
(``prelude.lua``). Both add to one hash, ``darkroom:metrics``, whose fields are a family's name and its labels' values::

    darkroom_jobs_finished|removal|done        12        counters: the total
    darkroom_task_seconds|tasks.x.mae|0.5       7        histograms: how many were in this bucket alone (or in inf),
    darkroom_task_seconds|tasks.x.mae|sum       1.93     and the sum of all

So totals outlive every process, and all gateways show the same ones. Names follow Prometheus: base units, ``_total``
is added to counters where they are shown.
"""

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

METRICS_KEY = "darkroom:metrics"
SEPARATOR = "|"
SUM = "sum"
INFINITE = "inf"

JOB_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""Seconds: an opencv edit takes under one, a model's 4 to 60, and a pool that has to be started some minutes."""
TASK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Seconds: an encode takes milliseconds, a generation up to its time limit."""
START_BUCKETS = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
"""Seconds: a worker without a model is ready in two, 57 GB of weights take minutes."""
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Seconds: a status takes milliseconds, a synchronous edit waits for 120 s at most."""


class Kind(StrEnum):
    """What a family is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(StrEnum):
    """Where a gateway has a family's numbers from."""

    REQUESTS = "requests"
    """What this gateway process has answered itself."""
    TOLD = "told"
    """What all processes have counted, as the broker keeps it."""
    LEDGER = "ledger"
    """What the ledger holds now."""
    PRESENCE = "presence"
    """What workers announce now."""


class Stage(StrEnum):
    """Parts of a job's time. The first two are the ledger's, the others the worker's that computes the job."""

    PREPARATION = "preparation"
    """From its acceptance until its conditions are there: its owner's turn, the opening task, the chord's header."""
    WAITING = "waiting"
    """From there until a worker of its pool has taken it."""
    LOAD = "load"
    EDIT = "edit"
    ENCODE = "encode"
    STORE = "store"


class Tier(StrEnum):
    """Tiers of the image store."""

    HOT = "hot"
    DURABLE = "durable"


class Direction(StrEnum):
    """Which way bytes went."""

    READ = "read"
    WRITTEN = "written"


class Lookup(StrEnum):
    """Whether something was there already."""

    HIT = "hit"
    MISS = "miss"


@dataclass(frozen=True, slots=True)
class Family:
    """Numbers of one name."""

    name: str
    kind: Kind
    source: Source
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, in seconds."""

    @property
    def shown(self) -> str:
        """The name that Prometheus stores; a histogram's has ``_bucket``, ``_sum`` or ``_count`` behind it."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name

    def field(self, *values: str) -> str:
        """Return the hash's field of these labels. Raises ``ValueError`` for another number of them."""
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {len(values)} of them")
        return SEPARATOR.join((self.name, *values))

    def bucket(self, seconds: float) -> str:
        """Return the name of the bucket that a time falls into."""
        return next((f"{most:g}" for most in self.buckets if seconds <= most), INFINITE)


def _counted(name: str, labels: tuple[str, ...], help_text: str) -> Family:
    return Family(name, Kind.COUNTER, Source.TOLD, labels, help_text)


def _timed(name: str, labels: tuple[str, ...], help_text: str, buckets: tuple[float, ...]) -> Family:
    return Family(name, Kind.HISTOGRAM, Source.TOLD, labels, help_text, buckets)


JOBS_ACCEPTED = _counted("darkroom_jobs_accepted", ("operation",), "Jobs that were accepted.")
JOBS_FINISHED = _counted("darkroom_jobs_finished", ("operation", "state"), "Jobs that have ended, by how.")
JOBS_REQUEUED = _counted("darkroom_jobs_requeued", ("operation",), "Jobs that were put back after a loss.")
JOB_ERRORS = _counted("darkroom_job_errors", ("operation", "code"), "Jobs that failed, by error code.")
JOB_SECONDS = _timed(
    "darkroom_job_seconds",
    ("operation",),
    "From a job's acceptance to its result; of those that are done.",
    JOB_BUCKETS,
)
JOB_STAGE_SECONDS = _timed("darkroom_job_stage_seconds", ("operation", "stage"), "Parts of a job's time.", JOB_BUCKETS)
TASKS = _counted("darkroom_tasks", ("pool", "task", "outcome"), "Celery tasks that workers have run, by outcome.")
TASK_SECONDS = _timed("darkroom_task_seconds", ("task",), "Run time of Celery tasks.", TASK_BUCKETS)
TASK_ERRORS = _counted("darkroom_task_errors", ("task", "code"), "Celery tasks that failed, by error code.")
COLD_START_SECONDS = _timed(
    "darkroom_cold_start_seconds",
    ("pool",),
    "From a worker's start to its readiness, its model included.",
    START_BUCKETS,
)
IMAGE_BYTES = _counted(
    "darkroom_image_bytes", ("pool", "tier", "direction"), "Bytes of images that went to and from the store."
)
MASK_CACHE = _counted("darkroom_mask_cache", ("result",), "Clicks on a photo, by whether its masks were kept.")

COUNTED: tuple[Family, ...] = (
    *(JOBS_ACCEPTED, JOBS_FINISHED, JOBS_REQUEUED, JOB_ERRORS, JOB_SECONDS, JOB_STAGE_SECONDS),
    *(TASKS, TASK_SECONDS, TASK_ERRORS, COLD_START_SECONDS, IMAGE_BYTES, MASK_CACHE),
)
"""What is kept in the broker's hash."""

Labels = tuple[str, ...]


@dataclass(slots=True)
class Histogram:
    """Times of one label set."""

    counts: dict[str, float] = field(default_factory=dict)
    """By bucket, each alone."""
    total: float = 0.0
    """Sum of seconds."""

    def cumulated(self, buckets: Iterable[float]) -> list[tuple[str, float]]:
        """Return each upper bound with how many were at most that, as Prometheus has them."""
        so_far, rows = 0.0, []
        for bound in (*(f"{most:g}" for most in buckets), INFINITE):
            so_far += self.counts.get(bound, 0.0)
            rows.append(("+Inf" if bound == INFINITE else bound, so_far))
        return rows


@dataclass(frozen=True, slots=True)
class Totals:
    """The hash, read."""

    counters: Mapping[Family, Mapping[Labels, float]]
    histograms: Mapping[Family, Mapping[Labels, Histogram]]


def totals(fields: Mapping[str, str]) -> Totals:
    """Read the hash; what is none of ours, such as a field of another version, is left out."""
    counters: dict[Family, dict[Labels, float]] = defaultdict(dict)
    histograms: dict[Family, dict[Labels, Histogram]] = defaultdict(lambda: defaultdict(Histogram))
    for text, number in fields.items():
        name, *rest = text.split(SEPARATOR)
        family, amount = _BY_NAME.get(name), _number(number)
        if family is None or amount is None or len(rest) != len(family.labels) + (family.kind is Kind.HISTOGRAM):
            continue
        if family.kind is Kind.COUNTER:
            counters[family][tuple(rest)] = amount
        elif rest[-1] == SUM:
            histograms[family][tuple(rest[:-1])].total = amount
        else:
            histograms[family][tuple(rest[:-1])].counts[rest[-1]] = amount
    return Totals(counters, histograms)


_BY_NAME = {family.name: family for family in COUNTED}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class Tally:
    """What a process has counted and not yet told. Thread-safe; a count takes a microsecond."""

    def __init__(self, pool: str) -> None:
        """Count for a pool, or for ``gateway``."""
        self.pool = pool
        self._lock = threading.Lock()
        self._amounts: dict[str, float] = defaultdict(float)

    def count(self, family: Family, *values: str, by: float = 1) -> None:
        """Add to a counter; its labels' values come in the order of the family's labels."""
        self._add({family.field(*values): by})

    def observe(self, family: Family, seconds: float, *values: str) -> None:
        """Add a time to a histogram."""
        name = family.field(*values)
        self._add({f"{name}{SEPARATOR}{family.bucket(seconds)}": 1, f"{name}{SEPARATOR}{SUM}": seconds})

    def take(self) -> dict[str, float]:
        """Return what was counted since the last time."""
        with self._lock:
            taken, self._amounts = self._amounts, defaultdict(float)
        return dict(taken)

    def _add(self, amounts: Mapping[str, float]) -> None:
        with self._lock:
            for name, amount in amounts.items():
                self._amounts[name] += amount


@dataclass(frozen=True, slots=True)
class Batch:
    """What a process tells at once; told twice, as when an answer was lost, it counts once."""

    process: str
    number: int
    amounts: Mapping[str, float]


class Batches:
    """Makes batches of a tally: one that was not told is offered again, as it was. For one thread."""

    def __init__(self, tally: Tally) -> None:
        """Nothing is taken yet."""
        self._tally = tally
        self._batch = Batch(uuid.uuid4().hex, 0, {})

    def next(self) -> Batch | None:
        """Return what is to be told; None if there is nothing."""
        if not self._batch.amounts:
            self._batch = Batch(self._batch.process, self._batch.number + 1, self._tally.take())
        return self._batch if self._batch.amounts else None

    def told(self) -> None:
        """Say that the batch has arrived."""
        self._batch = Batch(self._batch.process, self._batch.number, {})
