"""Laws of the decision: how many machines, whatever the demand was."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tasks.scaling import POLICIES, Capacity, Decision, Demand, Memory, Policy, decide, need
from worker_profiles import ProfileName, load

POLICY = Policy(typical_seconds=10, boot_seconds=200)
NONE = Demand(0, 0, 0)

demands = st.builds(
    lambda backlog, in_flight, each: Demand(backlog, in_flight, backlog * each),
    st.integers(0, 2000),
    st.integers(0, 500),
    st.floats(0.1, 300),
)
capacities = st.builds(
    lambda desired, booting, slots, least, room: Capacity(
        desired, desired - min(booting, desired), slots, least, least + room
    ),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(1, 16),
    st.integers(0, 3),
    st.integers(0, 200),
)
policies = st.builds(
    lambda utilisation, drain, shrink, idle, step: replace(
        POLICY,
        utilisation=utilisation,
        drain_boots=drain,
        shrink_boots=shrink,
        idle_boots=shrink + idle,
        step_machines=step,
    ),
    st.floats(0.3, 1),
    st.floats(0.1, 3),
    st.floats(0, 3),
    st.floats(0, 3),
    st.integers(1, 10),
)


class Pool:
    """A group that does at once what it is told, called at regular times."""

    LOOK_SECONDS = 10.0

    def __init__(self, policy: Policy = POLICY, *, slots: int = 4, least: int = 0, most: int = 1000) -> None:
        self.policy = policy
        self.capacity = Capacity(0, 0, slots, least, most)
        self.memory = Memory()
        self.now = 1000.0

    def look(self, demand: Demand) -> Decision:
        decision, self.memory = decide(demand, self.capacity, self.policy, self.memory, self.now)
        self.capacity = replace(self.capacity, desired=decision.desired, running=decision.desired)
        self.now += self.LOOK_SECONDS
        return decision

    def after(self, demand: Demand, seconds: float) -> Decision:
        """Look again and again for that time, and once more."""
        for _ in range(math.ceil(seconds / self.LOOK_SECONDS)):
            self.look(demand)
        return self.look(demand)


def at_once(demand: Demand, capacity: Capacity, policy: Policy) -> int:
    return decide(demand, capacity, policy, Memory(), 0)[0].desired


@given(demands, capacities, policies, st.integers(0, 500))
def test_more_waiting_never_means_fewer_machines(demand: Demand, capacity: Capacity, policy: Policy, more: int) -> None:
    """The decision grows with the backlog and with what runs, all else equal."""
    each = demand.backlog_seconds / demand.backlog if demand.backlog else 10
    larger = Demand(demand.backlog + more, demand.in_flight, (demand.backlog + more) * each)
    assert at_once(larger, capacity, policy) >= at_once(demand, capacity, policy)
    busier = replace(demand, in_flight=demand.in_flight + more)
    assert at_once(busier, capacity, policy) >= at_once(demand, capacity, policy)


@given(st.lists(demands, min_size=1, max_size=20), policies, st.integers(0, 3), st.integers(0, 50))
def test_a_pool_stays_in_its_bounds_and_above_what_runs(
    history: list[Demand], policy: Policy, least: int, room: int
) -> None:
    """After any history a pool is within the group's bounds, and has not shrunk below what its running jobs need."""
    pool = Pool(policy, least=least, most=least + room)
    for demand in history:
        before = pool.capacity.desired
        desired = pool.look(demand).desired
        assert least <= desired <= least + room
        if desired < before <= least + room:
            assert desired >= math.ceil(demand.in_flight / pool.capacity.slots)


@given(st.lists(demands, max_size=20), policies)
def test_idle_ends_at_zero(history: list[Demand], policy: Policy) -> None:
    """Whatever was, a pool without demand has no machine after the idle time, and had one until then."""
    pool = Pool(policy)
    for demand in history:
        pool.look(demand)
    assert pool.after(NONE, policy.idle_seconds + pool.LOOK_SECONDS).desired == 0


@given(demands, policies, st.integers(1, 16))
def test_constant_demand_does_not_flap(demand: Demand, policy: Policy, slots: int) -> None:
    """Under constant demand a pool grows to what it needs and then never changes again."""
    pool = Pool(policy, slots=slots)
    seen = [pool.look(demand).desired for _ in range(200)]
    assert seen == sorted(seen)
    assert seen[-1] == min(need(demand, slots, policy), 1000)


@given(demands, capacities, policies)
def test_a_step_is_bounded(demand: Demand, capacity: Capacity, policy: Policy) -> None:
    """One decision adds at most the machines of a step, unless the group's own minimum asks for more."""
    step = max(policy.step_machines, math.ceil(capacity.desired * policy.step_share))
    assert at_once(demand, capacity, policy) <= max(capacity.desired + step, capacity.least)


def test_many_looks_within_a_step_add_one_step() -> None:
    """Looking often does not grow a pool faster: the next step comes when its time has come."""
    pool = Pool()
    flood = Demand(10_000, 0, 1e6)
    pool.LOOK_SECONDS = 0.5
    assert {pool.look(flood).desired for _ in range(20)} == {4}
    assert pool.after(flood, POLICY.step_seconds).desired == 8


@pytest.mark.parametrize("profile", POLICIES)
def test_one_job_wakes_an_empty_pool_at_once(profile: ProfileName) -> None:
    """In every pool a single waiting job, however short, is worth a machine, and says so."""
    asleep = Capacity(0, 0, 8, 0, 10)
    decision, _ = decide(Demand(1, 0, 0.01), asleep, POLICIES[profile], Memory(), 0)
    assert decision == Decision(1, "1 waiting (about 0 s of work), 0 running, asleep: needs 1")


def test_every_pool_that_sleeps_has_a_policy() -> None:
    """Profiles that may sleep are those that can be scaled."""
    assert {name for name in ProfileName if load(name).may_sleep} == set(POLICIES)


def test_a_short_backlog_needs_no_machines_of_its_own() -> None:
    """A hundred jobs of a second are less than a machine; a hundred of an hour need a slot each."""
    assert need(Demand(100, 0, 100), 4, POLICY) == 1
    assert need(Demand(100, 0, 360_000), 4, POLICY) == math.ceil(100 / 0.9 / 4)


def test_room_is_worth_a_machine_where_it_is_half_of_one() -> None:
    """One job never wakes two machines, however few slots they have; forty full slots get room for five more."""
    assert [need(Demand(1, 0, 1e6), slots, POLICY) for slots in (1, 2, 8)] == [1, 1, 1]
    assert [need(Demand(0, running, 0), 8, POLICY) for running in (8, 9, 40)] == [1, 2, 6]


def test_the_last_machine_stays_longer_than_the_others() -> None:
    """Without demand all but one go after one window, and the last one after another."""
    pool = Pool()
    pool.look(Demand(0, 14, 0))
    assert pool.after(NONE, POLICY.shrink_seconds - 2 * pool.LOOK_SECONDS).desired == 4
    assert pool.after(NONE, 2 * pool.LOOK_SECONDS).desired == 1
    assert pool.after(NONE, POLICY.idle_seconds - POLICY.shrink_seconds).desired == 0


def test_a_new_leader_keeps_what_it_finds() -> None:
    """Without memory, or with an old one, the machines that are there are taken for needed: for a window."""
    pool = Pool()
    pool.look(Demand(0, 14, 0))
    pool.memory = Memory()
    assert pool.look(NONE).desired == 4
    pool.now += 10_000
    assert pool.look(NONE).desired == 4
    assert pool.after(NONE, POLICY.idle_seconds).desired == 0


def test_a_group_that_may_not_grow_says_so() -> None:
    """The reason names the group's bound where it decides."""
    full = Capacity(2, 1, 1, 0, 2)
    decision, _ = decide(Demand(9, 0, 900), full, POLICY, Memory(), 0)
    assert decision.reason == (
        "9 waiting (about 900 s of work), 0 running, has 2 (1 of them booting): needs 10; 6 in this step"
        "; the group may have 2 at most"
    )
    held, _ = decide(NONE, replace(full, desired=1, least=1), POLICY, Memory(), 0)
    assert held.desired == 1


@pytest.mark.parametrize("wrong", [{"utilisation": 0}, {"drain_boots": 0}, {"idle_boots": 0.4}, {"step_machines": 0}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    """A policy that could divide by zero, never grow, or drop its last machine first cannot be made."""
    with pytest.raises(ValueError, match=r"positive|last machine"):
        replace(POLICY, **wrong)
