"""The policies that are compared: ours, by the very function that the publisher calls, and what others do."""

import math
from collections import deque

import numpy as np

from tasks.scaling import Capacity, Demand, Memory, Policy, decide

from .engine import View
from .pools import MINIMUM_BILLED, Shape
from .traces import Trace

MOST = 10_000
"""No quota: what a policy wants shows."""


class Ours:
    """``tasks.scaling.decide``, called as the publisher calls it."""

    reaction = 0.5

    def __init__(self, shape: Shape, policy: Policy | None = None, *, start: int = 0, most: int = MOST) -> None:
        """Take the pool's own policy unless another one is given."""
        self._policy = policy or shape.policy
        self._slots, self._most = shape.slots, most
        self._memory = Memory()
        self.start = start
        # The publisher looks each half second; nothing that takes a boot can tell the difference.
        self.period = self._policy.boot_seconds / 60
        self.idle_period = self._policy.boot_seconds / 20

    def __call__(self, view: View) -> int:
        """Decide."""
        demand = Demand(view.backlog, view.in_flight, view.backlog * view.typical)
        capacity = Capacity(view.desired, view.running, self._slots, 0, self._most)
        decision, self._memory = decide(demand, capacity, self._policy, self._memory, view.now)
        return decision.desired


class AlwaysOn:
    """As many machines as the busiest five minutes need at four fifths, for ever."""

    period, idle_period, reaction = 86_400.0, 86_400.0, None

    def __init__(self, shape: Shape, trace: Trace) -> None:
        """Look at the whole trace first: nobody who buys machines can."""
        window = 300.0
        work, _ = np.histogram(trace.arrivals, np.arange(0, trace.length + window, window), weights=trace.seconds)
        self.start = max(1, math.ceil(float(work.max()) / window / shape.slots / 0.8))

    def __call__(self, view: View) -> int:
        """Keep them."""
        return self.start


class TargetTracking:
    """AWS's target tracking on the backlog per machine, as its user guide shows for a queue, with what it adds itself.

    A metric a minute; out after three minutes above the target, by the metric's share of it; in after fifteen minutes
    under nine tenths of it, by half at a time while jobs run, which the metric does not see. The target is what a
    machine does of typical jobs in one boot. From zero, where the metric cannot be computed, a step alarm starts one
    machine after one minute with a backlog.
    """

    period, idle_period, reaction, start = 60.0, 60.0, None, 0
    OUT, IN, SLACK = 3, 15, 0.9

    def __init__(self, shape: Shape) -> None:
        """Take the target from the machine."""
        self._target = shape.slots * shape.boot / shape.policy.typical_seconds
        self._above = self._below = 0

    def __call__(self, view: View) -> int:
        """Count the minutes."""
        if not view.desired:
            return int(view.backlog > 0)
        per_machine = view.backlog / max(1, view.running)
        self._above = self._above + 1 if per_machine > self._target else 0
        self._below = self._below + 1 if per_machine < self.SLACK * self._target else 0
        wanted = math.ceil(view.running * per_machine / self._target)
        if self._above >= self.OUT:
            # Machines that warm up count as there.
            return max(view.desired, wanted)
        if self._below >= self.IN:
            self._below = 0
            return min(view.desired, max(wanted, view.desired // 2 if view.in_flight else 0))
        return view.desired


class Keda:
    """KEDA's Redis lists scaler with its defaults, over Kubernetes' own: a replica is a machine.

    Polling each 30 s, listLength 5 waiting messages a replica, one replica as soon as the list is not empty, cooldown
    of 300 s to zero; below, the autoscaler's 15 s, at most the larger of 4 and 100 % up in each, and down to the
    highest proposal of the last 300 s. Messages in flight are in no list. It is spared what it does to a machine that
    works.
    """

    period, idle_period, reaction, start = 15.0, 15.0, None, 0
    LIST_LENGTH, POLLING, COOLDOWN, STABILISATION = 5, 30.0, 300.0, 300.0

    def __init__(self) -> None:
        """Begin without a past."""
        self._polled_at = self._active_at = -math.inf
        self._length = 0
        self._proposals: deque[tuple[float, int]] = deque()

    def __call__(self, view: View) -> int:
        """Poll, propose, stabilise."""
        if view.now - self._polled_at >= self.POLLING:
            self._polled_at, self._length = view.now, view.backlog
        if self._length:
            self._active_at = view.now
        if not view.desired:
            return int(self._length > 0)
        if view.now - self._active_at >= self.COOLDOWN:
            self._proposals.clear()
            return 0
        proposal = max(1, math.ceil(self._length / self.LIST_LENGTH))
        self._proposals.append((view.now, proposal))
        while self._proposals[0][0] <= view.now - self.STABILISATION:
            self._proposals.popleft()
        if proposal > view.desired:
            return min(proposal, view.desired + max(4, view.desired), MOST)
        return min(view.desired, max(each for _, each in self._proposals))


def clairvoyant(trace: Trace, shape: Shape) -> float:
    """Return the dollars below which no policy can keep everybody from waiting, knowing the future.

    With no wait, ``ceil(jobs that run / slots)`` machines have to be there; the k-th machine is kept over a gap of its
    use that is shorter than a boot, and ended and booted again over a longer one, as it needs to be on for a boot
    before its first use. Jobs may change machines for nothing, which no policy can have; spot machines are not lost.
    """
    changes = np.concatenate((trace.arrivals, trace.arrivals + trace.seconds))
    steps = np.concatenate((np.ones(len(trace.arrivals)), -np.ones(len(trace.arrivals))))
    order = np.argsort(changes, kind="stable")
    times, jobs = changes[order], np.cumsum(steps[order])
    machines = np.ceil(jobs / shape.slots).astype(int)
    seconds = 0.0
    for level in range(1, int(machines.max()) + 1):
        edges = np.diff(np.concatenate(([0], (machines >= level).astype(int), [0])))
        begins = times[np.flatnonzero(edges == 1)]
        ends = times[np.minimum(np.flatnonzero(edges == -1), len(times) - 1)]
        gaps = begins[1:] - ends[:-1]
        busy = float((ends - begins).sum())
        seconds += max(busy + float(np.minimum(gaps, shape.boot).sum()) + shape.boot, MINIMUM_BILLED)
    return seconds / 3600 * shape.mixed_price
