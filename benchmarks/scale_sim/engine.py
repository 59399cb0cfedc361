"""A pool as a queue before machines that boot, serve, get lost and end; events in a heap, no time that ticks idly.

Slots take jobs in the order in which they became free, as Valkey serves who has blocked longest: work spreads over all
machines. A machine that runs a job is protected; one that is to go goes when it is idle. A lost spot machine gives its
jobs back to the front of the queue, where they begin anew, and the group replaces it.
"""

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .pools import MINIMUM_BILLED, Shape
from .traces import Trace

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class View:
    """What a scaler sees."""

    now: float
    backlog: int
    in_flight: int
    """At least 1 if a job began since the last call."""
    typical: float
    """Seconds of a job, as learned."""
    desired: int
    running: int


class Scaler(Protocol):
    """Decides on machines."""

    period: float
    """Time between two calls while there is demand."""
    idle_period: float
    """Time between two calls while there is none."""
    reaction: float | None
    """How soon it is called when a job comes to an empty pool; None: at its next call."""
    start: int
    """Machines at the beginning."""

    def __call__(self, view: View) -> int:
        """Return the machines to have."""
        ...


@dataclass(slots=True)
class Machine:
    """One machine."""

    asked_at: float
    is_spot: bool
    ready: bool = False
    jobs: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trace."""

    waits: NDArray[np.float64]
    """Of each job, from its arrival to its end, without the work itself."""
    cold: int
    """Jobs that came while no machine served."""
    boots: int
    losses: int
    machine_seconds: float
    dollars: float
    most: int
    """Machines at once."""
    timeline: list[tuple[float, int, int, int]]
    """Time, machines asked for, jobs waiting, jobs running; at each call of the scaler."""

    def wait(self, percentile: float) -> float:
        """Return a percentile of the waits."""
        return float(np.percentile(self.waits, percentile))

    @property
    def dollars_per_1000(self) -> float:
        """Cost of a thousand jobs."""
        return self.dollars / len(self.waits) * 1000


class Kind(IntEnum):
    """Events, those that free capacity first."""

    END = 0
    READY = 1
    LOSS = 2
    CALL = 3


class Pool:
    """One run of one trace."""

    def __init__(self, trace: Trace, shape: Shape, scaler: Scaler, *, seed: int = 1, timeline: bool = False) -> None:
        """Prepare."""
        self._trace, self._shape, self._scaler = trace, shape, scaler
        self._rng = np.random.default_rng(seed)
        self._events: list[tuple[float, int, int, int, int]] = []
        self._sequence = 0
        self._now = 0.0
        self._machines: dict[int, Machine] = {}
        self._made = self._boots = self._losses = self._cold = self._most = 0
        self._serving = 0
        self._desired = 0
        self._free: deque[int] = deque()
        self._backlog: deque[int] = deque()
        self._work = trace.seconds.tolist()
        self._runs = [0] * len(self._work)  # how often each job began: an end of an earlier run does not count
        self._on = [0] * len(self._work)
        self._ends = [0.0] * len(self._work)
        self._in_flight = 0
        self._was_used = False
        self._done = 0
        self._typical = shape.policy.typical_seconds
        self._call_at = math.inf
        self._seconds = self._dollars = 0.0
        self._timeline: list[tuple[float, int, int, int]] | None = [] if timeline else None

    def run(self) -> Outcome:
        """Simulate to the end of the trace and of its last job."""
        for _ in range(self._scaler.start):
            self._launch(boot=0.0)
        self._desired = self._scaler.start
        if self._desired:
            self._call(0.0)
        arrivals, events = self._trace.arrivals.tolist(), self._events
        job, count = 0, len(arrivals)
        while True:
            if job < count and (not events or arrivals[job] <= events[0][0]):
                self._now = arrivals[job]
                self._arrive(job)
                job += 1
            elif events and (self._done < count or events[0][0] <= self._trace.length):
                self._step()
            else:
                break
        return self._outcome(arrivals)

    def _outcome(self, arrivals: list[float]) -> Outcome:
        self._now = max(self._now, self._trace.length)
        for machine in self._machines.values():
            self._bill(machine)
        waits = np.array(self._ends) - np.array(arrivals) - self._trace.seconds
        return Outcome(
            waits.clip(0),
            self._cold,
            self._boots,
            self._losses,
            self._seconds,
            self._dollars,
            self._most,
            self._timeline or [],
        )

    def _step(self) -> None:
        self._now, kind, _, one, other = heapq.heappop(self._events)
        if kind == Kind.END:
            if self._runs[one] == other:
                self._end(one)
        elif kind == Kind.READY:
            self._ready(one)
        elif kind == Kind.LOSS:
            self._lose(one)
        else:
            self._consult()

    def _push(self, at: float, kind: Kind, one: int = 0, other: int = 0) -> None:
        self._sequence += 1
        heapq.heappush(self._events, (at, kind, self._sequence, one, other))

    def _arrive(self, job: int) -> None:
        if not self._serving:
            self._cold += 1
        slot = self._free_slot()
        if slot is not None:
            self._begin(job, slot)
            self._call(self._now + self._scaler.period)
            return
        self._backlog.append(job)
        if not self._desired and self._scaler.reaction is not None:
            self._call(self._now + self._scaler.reaction)
        elif self._call_at == math.inf:
            period = self._scaler.period
            self._call((self._now // period + 1) * period)

    def _call(self, at: float) -> None:
        if at < self._call_at:
            self._call_at = at
            self._push(at, Kind.CALL)

    def _consult(self) -> None:
        if self._now != self._call_at:
            return  # an earlier call took its place
        self._call_at = math.inf
        in_flight = max(self._in_flight, int(self._was_used))
        self._was_used = False
        view = View(self._now, len(self._backlog), in_flight, self._typical, self._desired, self._serving)
        self._scale(self._scaler(view))
        if self._timeline is not None:
            self._timeline.append((self._now, self._desired, len(self._backlog), self._in_flight))
        if self._backlog or self._in_flight:
            self._call(self._now + self._scaler.period)
        elif self._desired:
            self._call(self._now + self._scaler.idle_period)

    def _scale(self, desired: int) -> None:
        self._desired = desired
        while len(self._machines) < desired:
            self._launch()
        if len(self._machines) > desired:
            idle = [number for number, machine in self._machines.items() if machine.ready and not machine.jobs]
            booting = [number for number, machine in self._machines.items() if not machine.ready]
            for number in (idle + booting)[: len(self._machines) - desired]:
                self._remove(number)

    def _launch(self, boot: float | None = None) -> None:
        number, shape = self._made, self._shape
        self._made += 1
        machine = Machine(self._now, is_spot=(number * shape.spot_share) % 1 >= 1 - shape.spot_share)
        self._machines[number] = machine
        self._most = max(self._most, len(self._machines))
        if boot is None:
            self._boots += 1
            boot = shape.boot * min(max(self._rng.normal(1, 0.1), 0.7), 1.5)
        self._push(self._now + boot, Kind.READY, number)
        if machine.is_spot and shape.spot_losses_per_hour:
            life = float(self._rng.exponential(HOUR / shape.spot_losses_per_hour))
            self._push(self._now + life, Kind.LOSS, number)

    def _ready(self, number: int) -> None:
        machine = self._machines.get(number)
        if machine is None:
            return
        machine.ready = True
        self._serving += 1
        for _ in range(self._shape.slots):
            self._offer(number)

    def _offer(self, number: int) -> None:
        if self._backlog:
            self._begin(self._backlog.popleft(), number)
        else:
            self._free.append(number)

    def _free_slot(self) -> int | None:
        while self._free:
            number = self._free.popleft()
            if number in self._machines:
                return number
        return None

    def _begin(self, job: int, number: int) -> None:
        self._runs[job] += 1
        self._on[job] = number
        self._machines[number].jobs.add(job)
        self._in_flight += 1
        self._was_used = True
        self._push(self._now + self._work[job], Kind.END, job, self._runs[job])

    def _end(self, job: int) -> None:
        number = self._on[job]
        machine = self._machines[number]
        machine.jobs.discard(job)
        self._in_flight -= 1
        self._done += 1
        self._ends[job] = self._now
        self._typical += 0.05 * (self._work[job] - self._typical)  # as finish.lua learns
        if len(self._machines) > self._desired and not machine.jobs:
            self._remove(number)
        else:
            self._offer(number)

    def _lose(self, number: int) -> None:
        machine = self._machines.get(number)
        if machine is None:
            return
        self._losses += 1
        for job in machine.jobs:
            self._runs[job] += 1
        jobs = sorted(machine.jobs, reverse=True)
        self._in_flight -= len(jobs)
        self._remove(number)
        self._backlog.extendleft(jobs)
        while self._backlog and (slot := self._free_slot()) is not None:
            self._begin(self._backlog.popleft(), slot)
        if len(self._machines) < self._desired:
            self._launch()

    def _remove(self, number: int) -> None:
        machine = self._machines.pop(number)
        self._serving -= machine.ready
        self._bill(machine)

    def _bill(self, machine: Machine) -> None:
        seconds = self._now - machine.asked_at
        self._seconds += seconds
        self._dollars += max(seconds, MINIMUM_BILLED) / HOUR * self._shape.mixed_price
