"""What saturates first as jobs a day grow, from what one unit of each part was measured, or is published, to take."""

from collections.abc import Sequence
from dataclasses import dataclass

DAY = 86_400.0
PEAK = 3.0
"""The busiest hour's rate by the mean's: the diurnal trace's."""
USABLE = 0.7
"""Of a unit: above it queues grow long."""
JOB_MB = 8.0
"""Through the hot tier for an edit of a 12 MP photo of 0.6 MB: photo and mask once in and three times out, three
conditions of half a megabyte in and out, a result of a megabyte in and out twice."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of Darkroom."""

    name: str
    unit: str
    cost: float
    """What a job takes of it: of a second, of bytes that are kept, of megabytes, of requests."""
    takes: float
    """What a unit has of that: a second, or the bytes it can hold by the jobs of a day."""
    source: str
    grows_by: str
    by_day: bool = False
    """Whether it fills with the jobs of a day and not with those of the busiest second."""

    def used(self, jobs_a_day: float) -> float:
        """Return the share of one unit that so many jobs need."""
        amount = jobs_a_day if self.by_day else jobs_a_day * PEAK / DAY
        return amount * self.cost / self.takes

    @property
    def limit(self) -> float:
        """Return the jobs a day that one unit takes."""
        return USABLE / self.used(1.0)


FAST_MS, QUALITY_MS, MESSAGE_MS = 1.72, 4.52, 0.15
"""CPU of the broker: for a job of 4 steps and of 40 (benchmarks/limits.py); for a utility or click, estimated."""
SUBMIT_MS, STATUS_MS, PICTURE_MS = 7.4, 1.2, 2.9
"""CPU of a gateway process: for a submission, a look at its status, a picture (benchmarks/limits.py)."""
KEPT_BYTES = 7_100
"""Of the broker's memory, for a job's record and events (benchmarks/limits.py)."""

PARTS: Sequence[Part] = (
    Part(
        "gateway",
        "a core",
        (SUBMIT_MS + 3 * STATUS_MS + PICTURE_MS) / 1000,
        1.0,
        "measured: benchmarks/limits.py",
        "more gateways behind the ALB: they share nothing but the broker",
    ),
    Part(
        "broker, memory",
        "26 GiB",
        KEPT_BYTES,
        26 * 2**30,
        "measured; a day's records (DARKROOM_JOB_RETENTION_SECONDS) in a cache.r7g.xlarge",
        "a larger node, or a shorter retention",
        by_day=True,
    ),
    Part(
        "hot tier, network",
        "10 Gbit/s",
        JOB_MB,
        1250.0,
        "computed; a node of up to 12.5 Gbit/s as published",
        "a larger node; nothing is lost when it is slow, the durable tier serves",
    ),
    Part(
        "broker, CPU",
        "a core",
        (0.8 * FAST_MS + 0.2 * QUALITY_MS + 3 * MESSAGE_MS) / 1000,
        1.0,
        "jobs measured: benchmarks/limits.py; one utility and two clicks for each job, at an estimated 0.15 ms",
        "one Darkroom per group of owners: Valkey runs commands on one core",
    ),
    Part(
        "durable tier (S3)",
        "a prefix",
        6.0,
        3500.0,
        "published: 3,500 PUT a second and prefix; two inputs, three conditions and a result for each job",
        "S3 splits prefixes itself, and ids are hashes: they spread",
    ),
)
"""In no order; the report sorts them."""


def first_to_fill(jobs_a_day: float) -> Part:
    """Return the part of which one unit is the fullest."""
    return max(PARTS, key=lambda part: part.used(jobs_a_day))


def without_clicks() -> float:
    """Return the jobs a day of a broker that serves jobs alone, utilities and clicks having one of their own."""
    broker = next(part for part in PARTS if part.name == "broker, CPU")
    return broker.limit * broker.cost / (broker.cost - 3 * MESSAGE_MS / 1000)
