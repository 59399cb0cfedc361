"""The simulator: its queue against theory, and the laws of the policy in what it simulates."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the simulator's modules be imported as its program imports them."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


class Fixed:
    """As many machines as there were."""

    period, idle_period, reaction = 1e9, 1e9, None

    def __init__(self, start: int) -> None:
        self.start = start

    def __call__(self, view: Any) -> int:
        return self.start


def shape(**changes: Any) -> Any:
    """A machine that is never lost, boots in 100 s give or take, and costs a dollar an hour."""
    from scale_sim.pools import Shape

    from worker_profiles import ProfileName

    told = {"slots": 1, "gpus": 1, "launch": 100.0, "image": 0.0, "weights": 0.0, "warm": 0.0, "price": 1.0}
    return Shape(profile=ProfileName.A100, **{**told, **changes})


def trace(arrivals: list[float], seconds: list[float], length: float = 1000.0) -> Any:
    from scale_sim.traces import Trace

    return Trace("test", np.array(arrivals), np.array(seconds), length)


def run(made: Any, machines: Any, scaler: Any) -> Any:
    from scale_sim.engine import Pool

    return Pool(made, machines, scaler).run()


def test_one_slot_serves_in_order() -> None:
    """Three jobs of ten seconds that come together before one slot wait 0, 10 and 20 s; it is paid to the end."""
    found = run(trace([0, 0, 0], [10, 10, 10]), shape(), Fixed(1))
    assert found.waits.tolist() == [0, 10, 20]
    assert found.dollars == pytest.approx(1000 / 3600)


def test_the_queue_waits_as_erlang_says() -> None:
    """Eight slots at four fifths of their capacity: the mean wait of a Poisson stream is Erlang C's, within a tenth."""
    rng = np.random.default_rng(1)
    jobs, mean, slots, load = 200_000, 10.0, 8, 6.4
    arrivals = np.cumsum(rng.exponential(mean / load, jobs))
    found = run(trace(arrivals.tolist(), rng.exponential(mean, jobs).tolist(), 1), shape(slots=slots), Fixed(1))
    full = load**slots / math.factorial(slots) * slots / (slots - load)
    waits = full / (sum(load**k / math.factorial(k) for k in range(slots)) + full)
    assert found.waits.mean() == pytest.approx(waits * mean / (slots - load), rel=0.1)


def test_a_job_that_comes_to_an_empty_pool_waits_for_the_boot() -> None:
    """It waits for the scaler's half second and for one boot, and the machine ends after the idle time."""
    from scale_sim.scalers import Ours

    from tasks.scaling import Policy

    policy = Policy(typical_seconds=10, boot_seconds=100)
    found = run(trace([50], [10], 5000), shape(), Ours(shape(), policy))
    assert 70.5 <= found.waits[0] <= 150.5
    assert (found.cold, found.boots, found.most) == (1, 1, 1)
    assert found.machine_seconds == pytest.approx(found.waits[0] + 10 + policy.idle_seconds, abs=10)


def test_a_lost_machine_costs_its_jobs_their_work() -> None:
    """Jobs of a lost spot machine begin anew on the one that replaces it; none is lost, none counted twice."""
    spot = shape(slots=4, spot_share=1.0, spot_losses_per_hour=20.0)
    made = trace([float(n) for n in range(0, 9000, 30)], [60.0] * 300, 10_000)
    found = run(made, spot, Fixed(1))
    assert found.losses > 10
    assert len(found.waits) == 300
    assert found.waits.max() > 100


def test_nobody_who_keeps_people_from_waiting_is_cheaper_than_a_clairvoyant() -> None:
    """The bound is below enough machines for all, always on, on every trace, and above the work itself."""
    from scale_sim.scalers import clairvoyant
    from scale_sim.traces import standard

    machines = shape(slots=4)
    for made in standard(short=True).values():
        enough = next(found for n in range(1, 99) if (found := run(made, machines, Fixed(n))).waits.max() < 1e-6)
        assert made.work / 4 / 3600 <= clairvoyant(made, machines)
        assert clairvoyant(made, machines) <= enough.dollars + enough.most * machines.boot / 3600


def test_the_policy_keeps_its_laws_in_the_simulation() -> None:
    """The short run does every job with each policy, ends idle pools, and is the same each time."""
    command = [sys.executable, "benchmarks/autoscale_sim.py", "--short", "--json"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=200).stdout
    found = json.loads(told)
    assert len(found) == 6
    for name, each in found.items():
        ours = each["policies"]["Darkroom"]
        assert len({policy["jobs"] for policy in each["policies"].values()}) == 1
        assert each["floor"] > 0
        assert ours["p95"] < 400
        before = 0
        for _, desired, _, in_flight in ours["timeline"]:
            assert desired >= min(before, math.ceil(in_flight / 8)), name
            before = desired
    quiet = found["quiet, 10 a day"]["policies"]
    assert any(desired == 0 for _, desired, *_ in quiet["Darkroom"]["timeline"])
    assert quiet["Darkroom"]["dollars"] < quiet["always on"]["dollars"] / 5
