"""What a machine does for its group: laws over everything that it may see, and calls that fail in every way."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from darkroom.machine.duties import (
    NOTICE_SECONDS,
    REFUSALS,
    TERMINATED,
    Act,
    Outcome,
    Pace,
    Sight,
    Standing,
    decide,
    follow,
    observe,
)
from tasks.presence import WorkerState

PACE = Pace(idle=10, beat=60, ready=600)
READY = (WorkerState.READY,)
BUSY = (WorkerState.BUSY,)
LOADING = (WorkerState.LOADING,)
SERVICE = Sight(at=0, target="InService", workers=READY)
SERVING = Standing(started_at=0, launched=True, protected=False)


@dataclass(frozen=True)
class Step:
    """One look and what came of it."""

    before: Standing
    sight: Sight
    act: Act
    outcome: Outcome


def walk(standing: Standing, looks: list[tuple[Sight, Outcome]]) -> Iterator[Step]:
    """Take a machine through looks, until it leaves."""
    for sight, outcome in looks:
        standing = observe(standing, sight)
        act = decide(standing, sight, PACE)
        its = Outcome.DONE if act is Act.DRAIN else outcome
        yield Step(standing, sight, act, its)
        if act is Act.LEAVE:
            return
        standing = follow(standing, act, its, sight)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Everything that may be seen, in an order that can be: notices stay, workers are gone only after a drain."""
    looks = []
    at = 0.0
    spot = terminated = False
    for _ in range(draw(st.integers(1, 12))):
        at += draw(st.floats(0.5, 40))
        spot = spot or draw(st.integers(0, 7)) == 0
        terminated = terminated or draw(st.integers(0, 7)) == 0
        states = st.one_of(st.none(), st.sampled_from(WorkerState))
        target = TERMINATED if terminated else draw(st.sampled_from([None, "InService", "Warmed:Running"]))
        given_up = draw(st.integers(0, 9)) == 0
        sight = Sight(
            at=at,
            target=target,
            spot=spot,
            rebalance=draw(st.booleans()),
            workers=draw(st.none() | st.tuples(states, states)),
            given_up=given_up,
            helpless=given_up and draw(st.booleans()),
            gone=(spot or terminated) and draw(st.booleans()),
        )
        looks.append((sight, draw(st.sampled_from(Outcome))))
    return list(walk(Standing(started_at=0), looks))


@given(histories())
def test_a_notice_is_heeded_in_the_same_look(steps: list[Step]) -> None:
    """Whatever failed before, a Spot notice or a termination drains at once, once, and nothing undoes it."""
    noticed = [index for index, step in enumerate(steps) if step.sight.spot or step.sight.target == TERMINATED]
    drains = [index for index, step in enumerate(steps) if step.act is Act.DRAIN]
    assert drains == noticed[:1]
    allowed = {Act.KEEP, Act.BEAT_DRAIN, Act.COMPLETE_TERMINATION, Act.LEAVE}
    assert {step.act for index, step in enumerate(steps) if drains and index > drains[0]} <= allowed


@given(histories())
def test_the_group_learns_the_truth(steps: list[Step]) -> None:
    """Ready is told when every worker takes work, given back when none is left, abandoned when one cannot start."""
    for step in steps:
        if step.act is Act.COMPLETE_LAUNCH:
            assert step.sight.workers is not None
            assert set(step.sight.workers) <= {WorkerState.READY, WorkerState.BUSY}
        if step.act is Act.COMPLETE_TERMINATION:
            assert step.sight.gone
        if step.act is Act.ABANDON_LAUNCH:
            assert step.sight.given_up
            assert not step.before.launched


@given(histories())
def test_a_busy_machine_is_never_given_away(steps: list[Step]) -> None:
    """Protection is not taken off while a worker is at work or while that is unknown."""
    for step in steps:
        if step.act is Act.UNPROTECT:
            assert step.sight.workers is not None
            assert not step.sight.is_busy


@given(histories())
def test_calls_are_told_apart_by_what_came_of_them(steps: list[Step]) -> None:
    """What was done is not done again: no hook twice, no protection that is there; a failed call waits its pause."""
    for before, step in pairwise(steps):
        left_warm_pool = before.sight.is_warm and not step.sight.is_warm
        if before.outcome is Outcome.DONE and before.act in {Act.PROTECT, Act.UNPROTECT, Act.COMPLETE_LAUNCH}:
            assert step.act is not before.act or left_warm_pool
        if before.outcome is Outcome.FAILED and before.act not in {Act.KEEP, Act.LEAVE}:
            assert step.act in {Act.KEEP, Act.DRAIN, Act.LEAVE} or step.sight.at >= before.sight.at + 2


@given(st.lists(st.tuples(st.floats(0.5, 4), st.booleans()), min_size=2, max_size=30))
def test_protection_does_not_flap(looks: list[tuple[float, bool]]) -> None:
    """A busy machine is protected at the next look; it loses that only after ten seconds without a job."""
    at, seen = 0.0, []
    for seconds, busy in looks:
        at += seconds
        seen.append((replace(SERVICE, at=at, workers=BUSY if busy else READY), Outcome.DONE))
    last_busy = None
    for step in walk(SERVING, seen):
        last_busy = step.sight.at if step.sight.is_busy else last_busy
        if step.sight.is_busy:
            assert step.act in {Act.PROTECT, Act.KEEP}
            assert (step.act is Act.PROTECT) is not step.before.protected
        if step.act is Act.UNPROTECT:
            assert last_busy is not None
            assert step.sight.at - last_busy >= PACE.idle


def acts(standing: Standing, *looks: Sight, outcome: Outcome = Outcome.DONE) -> list[Act]:
    """Return what a machine does in these looks."""
    return [step.act for step in walk(standing, [(look, outcome) for look in looks])]


def test_a_launch_beats_while_it_loads_and_ends_when_ready() -> None:
    """Heartbeats a minute apart, then the hook, then the protection that the group may have given it is taken off."""
    looks = [replace(SERVICE, at=at, workers=LOADING) for at in (1, 31, 61, 91)]
    assert acts(Standing(started_at=0), *looks, replace(SERVICE, at=93), replace(SERVICE, at=95)) == [
        *(Act.BEAT_READY, Act.KEEP, Act.BEAT_READY, Act.KEEP),
        *(Act.COMPLETE_LAUNCH, Act.UNPROTECT),
    ]


def test_a_machine_that_never_gets_ready_stops_asking_for_time() -> None:
    """After its patience there are no more heartbeats, so that the hook's time-out ends the machine."""
    assert acts(Standing(started_at=0), replace(SERVICE, at=PACE.ready, workers=LOADING)) == [Act.KEEP]


def test_a_worker_that_cannot_start_ends_the_launch() -> None:
    """The launch is abandoned and the machine leaves; one that served before leaves when no worker is left."""
    lost = replace(SERVICE, at=1, workers=(None,), given_up=True)
    assert acts(Standing(started_at=0), lost, lost) == [Act.ABANDON_LAUNCH, Act.LEAVE]
    assert acts(SERVING, lost, replace(lost, helpless=True)) == [Act.KEEP, Act.LEAVE]


def test_a_recommendation_is_no_notice() -> None:
    """A machine with a rebalance recommendation works on: protected to the end of its job, and not again."""
    busy = replace(SERVICE, at=1, workers=BUSY, rebalance=True)
    idle = replace(SERVICE, at=3, rebalance=True)
    protected = replace(SERVING, protected=True)
    assert acts(protected, busy, idle, replace(busy, at=5)) == [Act.KEEP, Act.UNPROTECT, Act.KEEP]


def test_an_unknown_state_changes_nothing() -> None:
    """While the broker is away a machine stays as protected as it is."""
    blind = replace(SERVICE, at=1000, workers=None)
    assert acts(replace(SERVING, protected=True, busy_at=1), blind) == [Act.KEEP]
    assert acts(SERVING, blind) == [Act.KEEP]


def test_a_warm_machine_is_launched_twice() -> None:
    """Into the warm pool without workers, and out of it when they are ready."""
    warm = Sight(at=1, target="Warmed:Running", workers=())
    out = replace(SERVICE, at=9, workers=LOADING)
    assert acts(Standing(started_at=0), warm, replace(warm, at=3), out, replace(SERVICE, at=11)) == [
        *(Act.COMPLETE_LAUNCH, Act.KEEP, Act.BEAT_READY, Act.COMPLETE_LAUNCH)
    ]


def test_a_hook_that_is_none_is_given_up() -> None:
    """A group without hooks, or a machine whose process was restarted, is refused three times and goes on."""
    looks = [replace(SERVICE, at=at) for at in (0, 2, 6, 14, 16)]
    expected = [Act.COMPLETE_LAUNCH] * REFUSALS + [Act.UNPROTECT]
    assert [act for act in acts(Standing(started_at=0), *looks, outcome=Outcome.REFUSED) if act is not Act.KEEP][
        : len(expected)
    ] == expected


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.FAILED])
def test_a_drained_machine_waits_for_its_hook_as_long_as_it_lives(outcome: Outcome) -> None:
    """After a Spot notice the group's hook may come later, or its answer fail: it is tried until the notice is over."""
    gone = Sight(at=0, target="InService", spot=True, gone=True)
    looks = [replace(gone, at=at) for at in (0, 2, 40, 80, NOTICE_SECONDS + 2)]
    assert acts(SERVING, *looks, outcome=outcome) == [Act.DRAIN, *[Act.COMPLETE_TERMINATION] * 3, Act.LEAVE]
    assert acts(SERVING, gone, replace(gone, at=2), replace(gone, at=4)) == [
        Act.DRAIN,
        Act.COMPLETE_TERMINATION,
        Act.LEAVE,
    ]


def test_a_long_drain_asks_for_time() -> None:
    """While workers still drain, the termination hook is told so, at once and each minute."""
    looks = [Sight(at=at, target=TERMINATED) for at in (0, 2, 30, 62)]
    assert acts(SERVING, *looks) == [Act.DRAIN, Act.BEAT_DRAIN, Act.KEEP, Act.BEAT_DRAIN]
