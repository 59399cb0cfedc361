"""How many machines a pool should have: a pure function of what is to be done, what is there, and what was before.

The publisher (``tasks.scaler``) and the simulator (``benchmarks/autoscale_sim.py``) call the same function. Nothing
here knows AWS, a clock or the ledger: the caller brings numbers and acts on the answer::

    decide(demand, capacity, policy, memory, now) ─► Decision(desired, reason), Memory

- 0 to 1 at once: any demand needs a machine.
- 1 to N by utilisation: slots for what runs and for the backlog, over the share of slots that should be busy. A job of
  the backlog counts as a slot, or as less where one slot does several such jobs within ``drain_seconds``.
- Down to the highest need of the last ``shrink_seconds``, and from the last machine to none ``idle_seconds`` after the
  last demand: ski rental (Karlin, Manasse, Rudolph, Sleator 1988), as keeping a machine for as long as a boot costs the
  same as that boot.
- Never below what runs. Machines that a job runs on are protected from scale-in by themselves (docs/machines.md).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from worker_profiles import ProfileName


@dataclass(frozen=True, slots=True)
class Demand:
    """What a pool has to do."""

    backlog: int
    """Jobs or messages that no slot works on; at least 0."""
    in_flight: int
    """Jobs or messages that slots work on; at least 1 where any began since the last call, however short it was."""
    backlog_seconds: float
    """Work in the backlog: seconds of one slot."""

    @property
    def is_none(self) -> bool:
        """Whether there is nothing to do."""
        return self.backlog + self.in_flight == 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a pool has, and may have."""

    desired: int
    """Machines that it was last told to have, the booting ones included."""
    running: int
    """Machines that are in service."""
    slots: int
    """Jobs that one machine does at once; at least 1."""
    least: int
    most: int
    """Bounds of ``desired``."""

    @property
    def booting(self) -> int:
        """Machines that were asked for and are not in service yet."""
        return max(0, self.desired - self.running)


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of one pool. Times are seconds. docs/scale.md shows the simulations that they come from."""

    typical_seconds: float
    """Of one job on one slot, until the ledger has learned it."""
    boot_seconds: float
    """From asking for a machine to its first job."""
    utilisation: float = 0.9
    """Share of the slots that should be busy. High, as the window below and whole machines leave room already: 0.8
    costs a tenth more where several machines run, and saves no wait that anybody would notice."""
    drain_boots: float = 0.5
    """How long a backlog may take to drain, in boots: a machine that is to save less than it takes to come is waste."""
    shrink_boots: float = 0.5
    """Window of the need that a pool of several machines keeps, in boots. The need of several machines swings by parts
    of itself, so its peaks in half a boot hold enough; a whole boot costs a tenth more."""
    idle_boots: float = 1.75
    """How long the last machine stays without demand, in boots. Its end costs the next client a whole boot of waiting,
    so it may cost more than the boot (ski rental says 1): at a job every 90 s it stays for 99 of 100 gaps."""
    step_machines: int = 4
    """Machines that one step may add at least: a mistake of the numbers costs these, not the whole quota."""
    step_share: float = 1.0
    """Machines that one step may add, by those that are there: a large pool doubles."""
    step_boots: float = 0.25
    """Time between two steps, in boots: none of them can be judged before its machines are there, but waiting for that
    would double every wait."""

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for numbers that make no sense together."""
        positive = (self.typical_seconds, self.boot_seconds, self.drain_boots, self.step_machines, self.step_boots)
        if min(positive) <= 0 or not 0 < self.utilisation <= 1 or self.step_share < 0:
            raise ValueError("times and steps are positive, utilisation is in (0, 1]")
        if not 0 <= self.shrink_boots <= self.idle_boots:
            raise ValueError("the last machine stays at least as long as the others")

    @property
    def drain_seconds(self) -> float:
        """How long a backlog may take to drain."""
        return self.drain_boots * self.boot_seconds

    @property
    def shrink_seconds(self) -> float:
        """Window of the need that a pool keeps."""
        return self.shrink_boots * self.boot_seconds

    @property
    def idle_seconds(self) -> float:
        """How long the last machine stays without demand."""
        return self.idle_boots * self.boot_seconds

    @property
    def step_seconds(self) -> float:
        """Time between two steps up."""
        return self.step_boots * self.boot_seconds


POLICIES: Mapping[ProfileName, Policy] = {
    # Launch 40 s, image 60 s, 54 GiB of weights to NVMe and to 8 GPUs 90 s, first run 50 s. 80 % fast edits of 4 s,
    # 20 % of 45 s (docs/performance.md).
    ProfileName.A100: Policy(typical_seconds=12.0, boot_seconds=240.0),
    # Launch 40 s, image 60 s, a small model 20 s. A first request on two CPU cores takes 0.4 to 1.1 s. Half an hour of
    # it costs as much as 35 s of the a100 pool, and whoever clicks will click again.
    ProfileName.T4: Policy(typical_seconds=0.5, boot_seconds=120.0, idle_boots=15),
    # Launch 40 s, image 20 s, no model. The preparation of a job takes a second, in four messages. Every edit needs
    # it, so it stays as long.
    ProfileName.CPU: Policy(typical_seconds=0.25, boot_seconds=60.0, idle_boots=30),
}


@dataclass(frozen=True, slots=True)
class Peak:
    """A need that no later one has reached."""

    at: float
    need: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered from one call to the next.

    A new one, or one that was not used for the time of a step, takes the machines that it finds for needed now.
    """

    peaks: tuple[Peak, ...] = ()
    """Needs in falling order, the latest last: all that a maximum over any window needs to know."""
    stepped_at: float = -math.inf
    """When the last step up began."""
    stepped_from: int = 0
    """Machines at that time."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer."""

    desired: int
    """Machines to have."""
    reason: str
    """Why, in words for a person."""


def need(demand: Demand, slots: int, policy: Policy) -> int:
    """Return the machines that the demand needs, with ``slots`` each and without bounds; 0 for none."""
    if demand.is_none:
        return 0
    for_backlog = min(float(demand.backlog), demand.backlog_seconds / policy.drain_seconds)
    # A thousandth of a slot is rounding, not work.
    machines = (demand.in_flight + for_backlog - 1e-3) / slots
    # Room for the next jobs is worth a machine where it amounts to half of one: a single job wakes one, not two.
    with_room = math.floor(machines / policy.utilisation + 0.5)
    return max(1, math.ceil(machines), with_room)


def decide(demand: Demand, capacity: Capacity, policy: Policy, memory: Memory, now: float) -> tuple[Decision, Memory]:
    """Return the machines to have, and what to remember for the next call; ``now`` are seconds of any clock."""
    wanted = need(demand, capacity.slots, policy)
    # Nobody knows what was needed while nobody looked: what is there.
    found = wanted if _was_watching(memory, policy, now) else max(wanted, capacity.desired)
    memory = replace(memory, peaks=_remembered(memory.peaks, Peak(now, found), now - policy.idle_seconds))
    if wanted > capacity.desired:
        memory, target = _step_up(wanted, capacity.desired, policy, memory, now)
        reason = _up(demand, capacity, wanted, target)
    else:
        target = min(capacity.desired, max(wanted, _held(memory, policy, now)))
        reason = _down(demand, capacity, wanted, target)
    bounded = min(max(target, capacity.least), capacity.most)
    return Decision(bounded, reason + _bound(bounded, target)), memory


def _was_watching(memory: Memory, policy: Policy, now: float) -> bool:
    """Whether the last call was a moment ago. A former leader that leads again remembers another time."""
    return bool(memory.peaks) and now - memory.peaks[-1].at <= policy.step_seconds


def _remembered(peaks: tuple[Peak, ...], latest: Peak, oldest: float) -> tuple[Peak, ...]:
    """Add a need to falling peaks, without those that it covers and those that are too old to matter."""
    return (*(peak for peak in peaks if peak.need > latest.need and peak.at > oldest), latest)


def _held(memory: Memory, policy: Policy, now: float) -> int:
    """Return the machines that recent needs hold: all for one window, the last one for a longer one."""
    recent = (peak.need for peak in memory.peaks if peak.at > now - policy.shrink_seconds)
    lately = any(peak.need for peak in memory.peaks)  # none is older than idle_seconds
    return max(max(recent, default=0), int(lately))


def _step_up(wanted: int, desired: int, policy: Policy, memory: Memory, now: float) -> tuple[Memory, int]:
    """Return the machines that the current step allows, and the memory with a new step if its time has come."""
    if now - memory.stepped_at >= policy.step_seconds:
        memory = replace(memory, stepped_at=now, stepped_from=desired)
    allowed = memory.stepped_from + max(policy.step_machines, math.ceil(memory.stepped_from * policy.step_share))
    return memory, min(wanted, max(allowed, desired))


def _work(demand: Demand) -> str:
    return f"{demand.backlog} waiting (about {demand.backlog_seconds:.0f} s of work), {demand.in_flight} running"


def _up(demand: Demand, capacity: Capacity, wanted: int, target: int) -> str:
    there = f"has {capacity.desired}" if capacity.desired else "asleep"
    booting = f" ({capacity.booting} of them booting)" if capacity.booting else ""
    step = f"; {target} in this step" if target < wanted else ""
    return f"{_work(demand)}, {there}{booting}: needs {wanted}{step}"


def _down(demand: Demand, capacity: Capacity, wanted: int, target: int) -> str:
    if target < capacity.desired:
        return f"{_work(demand)}: no more than {target} needed lately"
    if wanted < capacity.desired:
        return f"{_work(demand)}: needs {wanted}; {target} were needed lately"
    if demand.is_none:
        return "nothing to do"
    booting = f", {capacity.booting} of them booting" if capacity.booting else ""
    return f"{_work(demand)}: {target} will do{booting}"


def _bound(bounded: int, target: int) -> str:
    if bounded == target:
        return ""
    return f"; the group may have {bounded} at most" if bounded < target else f"; the group has {bounded} at least"
