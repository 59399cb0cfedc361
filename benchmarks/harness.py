"""What every row shares: interleaved rounds, a measure with its goal and its limit, the machine, the report.

A ratio is taken within a round, and the sides of a round run one right after the other, in an order that turns: what
else the machine does meets them all alike. A row's value is the median of its rounds, told with the least and the most.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import psutil

Side = TypeVar("Side", bound=Hashable)
T = TypeVar("T")


class Scale(StrEnum):
    """How much is measured."""

    FULL = "full"
    """The figures of docs/performance.md."""
    QUICK = "quick"
    """Whether the benchmarks run; the figures say little."""

    def pick(self, *, full: T, quick: T) -> T:
        """Return what this scale takes."""
        return full if self is Scale.FULL else quick


class Sense(StrEnum):
    """Which side of its goal is the good one."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a measure is to reach."""

    sense: Sense
    value: float
    unit: str = "×"
    """Behind the number: × of a ratio, s, ms, B, KB."""

    def __str__(self) -> str:
        """As in ``≥ 0.92×``."""
        return f"{self.sense} {number(self.value)}{self.unit}"

    def is_met(self, value: float) -> bool:
        """Whether a value is on the good side."""
        return value >= self.value if self.sense is Sense.AT_LEAST else value <= self.value


def at_least(value: float, unit: str = "×") -> Goal:
    """Build a goal that is met from a value on."""
    return Goal(Sense.AT_LEAST, value, unit)


def at_most(value: float, unit: str = "×") -> Goal:
    """Build a goal that is met up to a value."""
    return Goal(Sense.AT_MOST, value, unit)


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the report."""

    row: int
    what: str
    """Ours against which peer or limit, and by which figure: ``throughput, 6 in flight: in-process FastAPI``."""
    values: tuple[float, ...]
    """One for each round, in the goal's unit."""
    goal: Goal | None
    """None: told for comparison only."""
    detail: str = ""
    """The absolute figures behind it."""
    limit: str = ""
    """What it cannot get past, and how far it is from there."""

    @property
    def median(self) -> float:
        """The row's value."""
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        """Whether the goal is met; – without one."""
        if self.goal is None:
            return "–"
        return "met" if self.goal.is_met(self.median) else "missed"


def rounds(sides: Mapping[Side, Callable[[], float]], count: int) -> dict[Side, list[float]]:
    """Call each side once a round, each round beginning with another one; return what they returned, by side."""
    values: dict[Side, list[float]] = {side: [] for side in sides}
    order = list(sides)
    for turn in range(count):
        for side in (order[(turn + place) % len(order)] for place in range(len(order))):
            values[side].append(sides[side]())
    return values


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Return ours by theirs, round by round."""
    return tuple(one / other for one, other in zip(ours, theirs, strict=True))


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """Return how long one of so many calls takes."""
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which so large a share of the values lies, 0 to 1."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def number(value: float) -> str:
    """Write a number with three digits that count."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
    return f"{value:,.{digits}f}"


def machine() -> dict[str, str]:
    """Describe where this runs."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "processor": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load before": number(os.getloadavg()[0]),
    }


def as_json(measures: Sequence[Measure], about: Mapping[str, str]) -> dict[str, Any]:
    """Return a run as JSON can hold it."""
    told = [{**asdict(each), "median": each.median, "verdict": each.verdict} for each in measures]
    return {"machine": dict(about), "measures": told}
