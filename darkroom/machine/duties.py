"""What a machine owes its autoscaling group, as a pure function: what is seen and what was done in, the next act out.

::

    launching ──all workers ready──► serving ──notice──► draining ──workers gone, hook completed──► left
        │  heartbeats while they load     protected exactly while busy        heartbeats while they drain
        └──a worker cannot start──► abandoned

A notice is the target state ``Terminated`` or a Spot interruption, two minutes before the end. A rebalance
recommendation is none: the group starts the replacement first, and terminates this machine, with a notice, when the
replacement's workers are ready. Until then this machine is the only one of the two that works. But it no longer asks
for protection, so that nothing keeps the group from replacing it.

A scale-in may choose this machine in the moment between the start of a job and the protection. Nothing is lost then:
the machine drains, and the job goes on elsewhere.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from tasks.presence import WorkerState

TERMINATED = "Terminated"
"""Target lifecycle state of a machine that its group is about to end."""
WARMED = "Warmed:"
"""Target lifecycle states of a machine that waits in a warm pool begin so: it does not work."""
NOTICE_SECONDS = 120.0
"""Between a Spot notice and the end of the machine."""
REFUSALS = 3
"""A hook that was refused so often does not wait: the group has none, or an earlier process has completed it. Once is
not enough, as a machine may be up before its group has begun to wait for it."""
RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 30.0
"""Between tries of a call that failed: all machines of a group share one rate limit."""


class Act(StrEnum):
    """What the machine does next. One at a time: the next look is seconds away."""

    KEEP = "keep"
    PROTECT = "protect"
    UNPROTECT = "unprotect"
    BEAT_READY = "beat_ready"
    COMPLETE_LAUNCH = "complete_launch"
    ABANDON_LAUNCH = "abandon_launch"
    DRAIN = "drain"
    BEAT_DRAIN = "beat_drain"
    COMPLETE_TERMINATION = "complete_termination"
    LEAVE = "leave"


class Outcome(StrEnum):
    """How a call to the group ended."""

    DONE = "done"
    REFUSED = "refused"
    """It was understood, and does not fit the machine's state: no hook waits, or it is not in service yet."""
    FAILED = "failed"
    """Throttled, forbidden, unreachable: it may work later."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds; ``darkroom.machine.settings`` says why."""

    idle: float
    beat: float
    ready: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look has shown."""

    at: float
    """Monotonic seconds."""
    target: str | None = None
    """Target lifecycle state, as it was told last; None before anything was told."""
    spot: bool = False
    """Whether a Spot interruption was announced."""
    rebalance: bool = False
    """Whether EC2 recommends to replace this machine."""
    workers: tuple[WorkerState | None, ...] | None = None
    """A state per worker that has to run, None for one that announces nothing; None as a whole while it is unknown:
    they are not started yet, or the broker does not answer."""
    given_up: bool = False
    """Whether a worker cannot start until somebody mends its configuration, or the weights cannot be fetched."""
    helpless: bool = False
    """Whether that is so of every worker."""
    gone: bool = False
    """Whether the drain is over: no worker process is left."""

    @property
    def is_warm(self) -> bool:
        """Whether the machine is meant for a warm pool."""
        return self.target is not None and self.target.startswith(WARMED)

    @property
    def is_ready(self) -> bool:
        """Whether every worker takes work; true of a machine that has to run none."""
        return self.workers is not None and all(each in _SERVING for each in self.workers)

    @property
    def is_busy(self) -> bool:
        """Whether a worker is known to be at work."""
        return self.workers is not None and WorkerState.BUSY in self.workers


_SERVING = frozenset({WorkerState.READY, WorkerState.BUSY})


@dataclass(frozen=True, slots=True)
class Standing:
    """What was done so far. Times are monotonic seconds."""

    started_at: float
    warm: bool = False
    launched: bool = False
    """Whether the launch hook was completed, or none waits."""
    abandoned: bool = False
    protected: bool | None = None
    """Whether scale-in leaves the machine alone; None before this process has set it."""
    draining: bool = False
    gone_at: float | None = None
    """When the drain was seen to be over."""
    released: bool = False
    """Whether the termination hook was completed, or none waits."""
    busy_at: float | None = None
    """When a worker was last seen at work."""
    beat_at: float | None = None
    tries: int = 0
    """Failed calls in a row."""
    refusals: int = 0
    """Of a hook, in a row."""
    quiet_until: float = 0.0
    """The group is not called before."""


def observe(standing: Standing, sight: Sight) -> Standing:
    """Return the standing with what it remembers of a look."""
    if standing.warm and not sight.is_warm:  # it leaves the warm pool, which is a launch of its own
        standing = replace(standing, launched=False, started_at=sight.at, beat_at=None)
    return replace(
        standing,
        warm=sight.is_warm,
        busy_at=sight.at if sight.is_busy else standing.busy_at,
        gone_at=sight.at if sight.gone and standing.gone_at is None else standing.gone_at,
    )


def decide(standing: Standing, sight: Sight, pace: Pace) -> Act:
    """Return what to do next; ``standing`` has observed the sight. A notice overrides everything, at once."""
    if not standing.draining and (sight.spot or sight.target == TERMINATED):
        return Act.DRAIN
    if _may_leave(standing, sight):
        return Act.LEAVE
    if sight.at < standing.quiet_until:
        return Act.KEEP
    if standing.draining:
        return _draining(standing, sight, pace)
    return _serving(standing, sight, pace) if standing.launched else _launching(standing, sight, pace)


def follow(standing: Standing, act: Act, outcome: Outcome, sight: Sight) -> Standing:
    """Return the standing after an act, decided upon this sight, that had this outcome."""
    if act is Act.KEEP:
        return standing
    if outcome is Outcome.REFUSED and act in _HOOKS:
        standing = replace(standing, refusals=standing.refusals + 1)
    if outcome is Outcome.DONE or (outcome is Outcome.REFUSED and _is_void(standing, act, sight)):
        return _after(replace(standing, tries=0, refusals=0, quiet_until=0.0), act, sight.at)
    pause = min(LONGEST_RETRY_SECONDS, RETRY_SECONDS * 2.0 ** min(standing.tries, 10))
    return replace(standing, tries=standing.tries + 1, quiet_until=sight.at + pause)


_HOOKS = frozenset({Act.COMPLETE_LAUNCH, Act.ABANDON_LAUNCH, Act.COMPLETE_TERMINATION})
_BEATS = frozenset({Act.BEAT_READY, Act.BEAT_DRAIN})


def _is_void(standing: Standing, act: Act, sight: Sight) -> bool:
    """Whether a call that was refused need not be made again: a heartbeat until the next one, a hook that is none."""
    if act in _BEATS:
        return True
    if act is Act.COMPLETE_TERMINATION and sight.target != TERMINATED:
        return False  # after a Spot notice the group's own follows, and then its hook waits
    return act in _HOOKS and standing.refusals >= REFUSALS


def _after(standing: Standing, act: Act, at: float) -> Standing:
    match act:
        case Act.PROTECT | Act.UNPROTECT:
            return replace(standing, protected=act is Act.PROTECT)
        case Act.BEAT_READY | Act.BEAT_DRAIN:
            return replace(standing, beat_at=at)
        case Act.COMPLETE_LAUNCH | Act.ABANDON_LAUNCH:
            return replace(standing, launched=True, abandoned=act is Act.ABANDON_LAUNCH, beat_at=None)
        case Act.DRAIN:
            return replace(standing, draining=True, beat_at=None)
        case Act.COMPLETE_TERMINATION:
            return replace(standing, released=True)
        case _:
            return standing


def _may_leave(standing: Standing, sight: Sight) -> bool:
    if not standing.draining:
        return standing.abandoned or (standing.launched and sight.helpless)
    if not sight.gone or standing.gone_at is None:
        return False
    # By then a Spot notice is over and so is the machine, whether the group could be told or not.
    return standing.released or sight.at - standing.gone_at >= NOTICE_SECONDS


def _launching(standing: Standing, sight: Sight, pace: Pace) -> Act:
    if sight.given_up:
        return Act.ABANDON_LAUNCH
    if sight.is_ready:
        return Act.COMPLETE_LAUNCH
    in_time = sight.at - standing.started_at < pace.ready
    return Act.BEAT_READY if in_time and _is_due(standing, sight, pace) else Act.KEEP


def _serving(standing: Standing, sight: Sight, pace: Pace) -> Act:
    if sight.workers is None or sight.is_warm:
        return Act.KEEP
    if sight.rebalance:
        wanted = sight.is_busy and standing.protected is not False
    else:
        wanted = standing.busy_at is not None and (sight.is_busy or sight.at - standing.busy_at < pace.idle)
    if wanted is standing.protected:
        return Act.KEEP
    return Act.PROTECT if wanted else Act.UNPROTECT


def _draining(standing: Standing, sight: Sight, pace: Pace) -> Act:
    if sight.gone:
        return Act.COMPLETE_TERMINATION
    waits = sight.target == TERMINATED and _is_due(standing, sight, pace)
    return Act.BEAT_DRAIN if waits else Act.KEEP


def _is_due(standing: Standing, sight: Sight, pace: Pace) -> bool:
    return standing.beat_at is None or sight.at - standing.beat_at >= pace.beat
