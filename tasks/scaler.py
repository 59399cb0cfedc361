"""Gives each pool the machines that its work needs: reads the ledger's overview, decides, tells AWS and everybody.

A thread of every jobs worker, of which one leads. It looks twice a second, so that a job that meets an empty pool has
its machine asked for within half a second, whoever enqueued it and however: a signal would have to come from gateways,
Python clients and workers, for jobs, utilities and clicks, and could be lost. Nothing is forgotten with a message: open
jobs are what counts, so the job of a killed last worker keeps its pool (docs/reliability.md, row 6).

AWS is asked every few seconds what its groups have, and told only what changes. When it refuses or is away, the
decision stands where health shows it, with the reason, and is tried again later and later; nothing else waits for it:
reading groups and telling CloudWatch have threads of their own, as a silent AWS takes seconds to be given up.
"""

import json
import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import redis
import structlog

from tasks import ledger
from tasks.errands import Errand
from tasks.errors import UnavailableError
from tasks.groups import Groups, GroupsError, GroupState, Metric
from tasks.leadership import Leadership
from tasks.ledger import Ledger, Overview, PoolCapacity
from tasks.presence import WorkerState
from tasks.scaling import POLICIES, Capacity, Decision, Demand, Memory, decide
from tasks.settings import settings
from worker_profiles import ProfileName, load

LEADER_KEY = "darkroom:scaler"
CAPACITY_KEY = "darkroom:capacity"
LEADER_SECONDS = 30.0
"""Longer than a look in which AWS takes its time (a call of up to 7 s for each of three groups), and much shorter than
a boot."""
SETTLED_SECONDS = 60.0
"""A machine whose first worker is so old has all its workers: they are started together, and each is known as soon as
it has imported its code."""
TELL_SECONDS = 10.0
"""A decision that stays is written so often; after 60 s without, it counts as unknown."""
UNBOUNDED = 1_000_000

_SERVING = {WorkerState.READY, WorkerState.BUSY}

log = structlog.get_logger(__name__)


class Backoff:
    """When a call that failed may be tried again: after 1, 2, 4 … 60 s, and up to a fifth more at random."""

    FIRST, LONGEST, JITTER = 1.0, 60.0, 0.2

    def __init__(self) -> None:
        """Begin without a failure."""
        self._wait = 0.0
        self._until = 0.0
        self.error: str | None = None
        """Why the last call failed; None if it did not."""

    def may_try(self, now: float) -> bool:
        """Whether it is time to try, or to try again."""
        return now >= self._until

    def failed(self, error: GroupsError, now: float) -> None:
        """Wait, longer than the last time."""
        self._wait = min(max(self.FIRST, 2 * self._wait), self.LONGEST)
        self._until = now + self._wait * (1 + random.uniform(0, self.JITTER))  # noqa: S311 - no secret
        self.error = str(error)
        log.warning("scaler.aws_failed", reason=self.error, again_after=round(self._until - now, 1))

    def succeeded(self) -> None:
        """Forget what was."""
        self._wait, self._until, self.error = 0.0, 0.0, None


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """What the overview says of one pool."""

    demand: Demand
    serving_slots: int
    """Of its live workers that take work."""
    slots_of_a_machine: int
    """The most that workers of one machine have together; 0 as long as no machine has shown all of its workers."""
    taken: Mapping[str, int]
    """Tasks that each worker has taken since its start."""

    def seen_since(self, taken: Mapping[str, int]) -> Demand:
        """Return the demand with what came and went since those counts: a click takes less than a look apart."""
        was_used = any(count > taken.get(worker, count) for worker, count in self.taken.items())
        return replace(self.demand, in_flight=max(self.demand.in_flight, int(was_used)))

    @property
    def metrics(self) -> dict[Metric, float]:
        """As they are published, but for the decision and what a single look cannot know."""
        return {
            Metric.BACKLOG: self.demand.backlog,
            Metric.SLOTS: self.serving_slots,
            Metric.BACKLOG_WITHOUT_CAPACITY: 0 if self.serving_slots else self.demand.backlog,
            Metric.EXPECTED_SECONDS: self.demand.backlog_seconds,
        }


def load_of(overview: Overview, profile: ProfileName) -> PoolLoad:
    """Read one pool's load from the overview.

    The backlog are the open jobs that no worker counts as active, with or without a message, or, where utilities and
    clicks are more, the messages. What a worker that was killed had active counts until its presence ends.
    """
    depth = overview.queues[load(profile).queues[0]]
    workers = [worker for worker in overview.workers if worker["profile"] == profile]
    in_flight = sum(int(worker["active"]) for worker in workers)
    backlog = max(depth.open_jobs - in_flight, depth.messages, 0)
    seconds = depth.typical_seconds or POLICIES[profile].typical_seconds
    return PoolLoad(
        Demand(backlog, in_flight, backlog * seconds),
        sum(int(worker["slots"]) for worker in workers if worker["state"] in _SERVING),
        _slots_of_a_machine(workers, time.time() - SETTLED_SECONDS),
        {worker["name"]: int(worker["taken"]) for worker in workers},
    )


def _slots_of_a_machine(workers: Sequence[Mapping[str, Any]], settled_at: float) -> int:
    machines: dict[str, list[Mapping[str, Any]]] = {}
    for worker in workers:
        # profile@host:pid; one container, and so one host name, per machine.
        machines.setdefault(worker["name"].partition("@")[2].rpartition(":")[0], []).append(worker)
    # One of eight workers that has come first would make eight machines of one.
    settled = (crew for crew in machines.values() if min(worker["started_at"] for worker in crew) <= settled_at)
    return max((sum(int(worker["slots"]) for worker in crew) for crew in settled), default=0)


class Scaler(threading.Thread):
    """One leader among the jobs workers scales; the others wait to take over.

    Two leaders for a moment (one was stopped and goes on) say the same or nearly so: they tell AWS numbers of machines,
    not changes, and the next look puts right what the last one said.
    """

    def __init__(self, book: Ledger, groups: Groups) -> None:
        """Prepare; nothing runs before ``start``."""
        super().__init__(name="scaler", daemon=True)
        self._ledger = book
        self._groups = groups
        self._leadership = Leadership(book.client, LEADER_KEY, uuid.uuid4().hex, LEADER_SECONDS)
        self._stopped = threading.Event()
        self._profiles = tuple(settings().scaling_groups)
        self._states: Mapping[ProfileName, GroupState] = {}
        self._read_at = self._changed_at = self._published_at = float("-inf")
        self._calls, self._metrics = Backoff(), Backoff()
        self._reading: Errand[Mapping[ProfileName, GroupState]] = Errand("scaler-reads")
        self._publishing: Errand[None] = Errand("scaler-publishes")
        self._memories = dict.fromkeys(self._profiles, Memory())
        self._taken: dict[ProfileName, Mapping[str, int]] = {profile: {} for profile in self._profiles}
        self._busiest = dict.fromkeys(self._profiles, 0)
        self._told: dict[ProfileName, PoolCapacity] = {}

    def run(self) -> None:
        """Look until stopped, then let another one lead."""
        while not self._stopped.wait(settings().scaling_look_seconds):
            with self._broker_may_be_away():
                if self._leadership.held():
                    self.look()
        with self._broker_may_be_away():
            self._leadership.resign()

    def stop(self) -> None:
        """Stop after the look that runs; for a signal handler."""
        self._stopped.set()

    def look(self) -> None:
        """Decide for every pool once, and tell who has to know."""
        overview = self._ledger.apply(ledger.overview())
        loads = {profile: load_of(overview, profile) for profile in self._profiles}
        self._read_groups()
        decisions = {profile: self._decide(profile, found) for profile, found in loads.items()}
        for profile, decision in decisions.items():
            self._tell_group(profile, decision)
        self._tell_everybody(decisions)
        self._publish(loads, decisions)

    @staticmethod
    @contextmanager
    def _broker_may_be_away() -> Iterator[None]:
        try:
            yield
        except (UnavailableError, redis.RedisError) as error:
            log.warning("scaler.broker_unavailable", reason=str(error))

    def _read_groups(self) -> None:
        now = time.monotonic()
        if now - self._read_at >= settings().scaling_read_seconds and self._calls.may_try(now):
            self._reading.send(self._groups.read, now)
        back = self._reading.brought()
        # What was read before a change is a thing of the past.
        if back is None or back.sent_at < self._changed_at:
            return
        try:
            self._states = back.result()
        except GroupsError as error:
            self._calls.failed(error, now)
        else:
            self._calls.succeeded()
            self._read_at = now

    def _decide(self, profile: ProfileName, found: PoolLoad) -> Decision:
        demand = found.seen_since(self._taken[profile])
        self._taken[profile] = found.taken
        self._busiest[profile] = max(self._busiest[profile], demand.in_flight)
        slots = found.slots_of_a_machine or settings().scaling_slots.get(profile, 1)
        state = self._states.get(profile)
        if state is None:
            # What is there is unknown, so nothing is remembered of it.
            unknown = Capacity(desired=0, running=0, slots=slots, least=0, most=UNBOUNDED)
            return decide(demand, unknown, POLICIES[profile], Memory(), time.monotonic())[0]
        known = Capacity(state.desired, state.running, slots, state.least, state.most)
        memory = self._memories[profile]
        decision, self._memories[profile] = decide(demand, known, POLICIES[profile], memory, time.monotonic())
        return decision

    def _tell_group(self, profile: ProfileName, decision: Decision) -> None:
        state, now = self._states.get(profile), time.monotonic()
        # After a failure the groups are read first: what they have may be another thing by then.
        if state is None or state.desired == decision.desired or self._calls.error is not None:
            return
        self._changed_at = now
        try:
            self._groups.set_desired(profile, decision.desired)
        except GroupsError as error:
            self._read_at = float("-inf")
            self._calls.failed(error, now)
            return
        self._states = {**self._states, profile: replace(state, desired=decision.desired)}
        log.info("scaler.scaled", profile=profile, before=state.desired, desired=decision.desired, why=decision.reason)

    def _tell_everybody(self, decisions: Mapping[ProfileName, Decision]) -> None:
        now = time.time()
        news = {
            profile: told
            for profile, decision in decisions.items()
            if self._is_news(profile, told := self._capacity(profile, decision, now))
        }
        if news:
            self._ledger.client.hset(CAPACITY_KEY, mapping={name: json.dumps(asdict(t)) for name, t in news.items()})
            self._told |= news

    def _capacity(self, profile: ProfileName, decision: Decision, now: float) -> PoolCapacity:
        state = self._states.get(profile)
        # A failed call to CloudWatch is a matter of the log: it scales nothing.
        trouble = self._calls.error or ("" if state else "AWS knows no such group")
        reason = f"{decision.reason}. {trouble}" if trouble else decision.reason
        return PoolCapacity(decision.desired, state.running if state else None, reason, now)

    def _is_news(self, profile: ProfileName, told: PoolCapacity) -> bool:
        last = self._told.get(profile)
        return (
            last is None
            or replace(last, decided_at=told.decided_at) != told
            or told.decided_at - last.decided_at >= TELL_SECONDS
        )

    def _publish(self, loads: Mapping[ProfileName, PoolLoad], decisions: Mapping[ProfileName, Decision]) -> None:
        now = time.monotonic()
        if now - self._published_at >= settings().scaling_publish_seconds and self._metrics.may_try(now):
            told = self._figures(loads, decisions)
            self._publishing.send(lambda: self._groups.publish(told), now)
        back = self._publishing.brought()
        if back is None:
            return
        try:
            back.result()
        except GroupsError as error:
            self._metrics.failed(error, now)
        else:
            self._metrics.succeeded()
            self._published_at = back.sent_at
            self._busiest = dict.fromkeys(self._profiles, 0)

    def _figures(
        self, loads: Mapping[ProfileName, PoolLoad], decisions: Mapping[ProfileName, Decision]
    ) -> Mapping[ProfileName, Mapping[Metric, float]]:
        return {
            profile: {
                **found.metrics,
                Metric.IN_FLIGHT: self._busiest[profile],
                Metric.DESIRED_CAPACITY: decisions[profile].desired,
            }
            for profile, found in loads.items()
        }
