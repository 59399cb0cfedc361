"""What scaling to zero costs and what it makes people wait, before anybody pays for it: docs/scale.md.

Simulates the a100 pool on traces of jobs, with the function that scales it in production (``tasks.scaling.decide``)
and with what others do; then all pools from ten to ten million jobs a day, with what saturates first. Everything is
seeded: two runs print the same. Prints Markdown; ``--plots FOLDER`` draws (needs the extra ``plots``); ``--joint``
tries three numbers of our policy together instead.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from scale_sim import capacity
from scale_sim.engine import HOUR, Outcome, Pool
from scale_sim.pools import SHAPES
from scale_sim.scalers import AlwaysOn, Keda, Ours, TargetTracking, clairvoyant
from scale_sim.traces import DAY, Trace, edits, poisson, standard, uniform

from worker_profiles import ProfileName

A100 = SHAPES[ProfileName.A100]
OURS, ALWAYS, AWS, KEDA = "Darkroom", "always on", "AWS target tracking", "KEDA"
WITHIN = 1.3
UNNOTICED = 1.0
"""Seconds of waiting that nobody tells from none."""

NEIGHBOURS: Mapping[str, Mapping[str, float]] = {
    "utilisation 0.8": {"utilisation": 0.8},
    "utilisation 1": {"utilisation": 1.0},
    "drain 0.25": {"drain_boots": 0.25},
    "drain 1": {"drain_boots": 1.0},
    "shrink 0.25": {"shrink_boots": 0.25},
    "shrink 1": {"shrink_boots": 1.0},
    "idle 1.25": {"idle_boots": 1.25},
    "idle 2.5": {"idle_boots": 2.5},
}
"""Our policy with one number changed: what it could have been."""

JOINT: Mapping[str, tuple[float, ...]] = {
    "utilisation": (0.8, 0.9, 1.0),
    "drain_boots": (0.5, 1.0, 2.0),
    "shrink_boots": (0.1, 0.25, 0.5),
}
"""What is tried in all combinations."""

Results = dict[str, Outcome]


def main() -> int:
    """Run everything and print it; the exit status says whether the policy is within its bound on every trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of everything, for tests")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--plots", type=Path, help="draw into this folder")
    parser.add_argument("--joint", action="store_true", help="combinations of our policy's numbers, and nothing else")
    arguments = parser.parse_args()
    traces = standard(short=arguments.short)
    if arguments.joint:
        report_joint(traces)
        return 0
    neighbours = {} if arguments.short else NEIGHBOURS
    results = {name: compare(trace, neighbours) for name, trace in traces.items()}
    worst = max(excess(found) for found in results.values())
    table = [*scale(short=arguments.short)]
    if arguments.json:
        print(json.dumps(figures(traces, results)))
    else:
        report(traces, results)
        report_scale(table)
        report_capacity()
    if arguments.plots:
        from scale_sim import plots  # noqa: PLC0415 - matplotlib is there for plots alone

        plots.draw(arguments.plots, traces, results, table)
    return 0 if arguments.short or worst <= WITHIN else 1


def compare(trace: Trace, neighbours: Mapping[str, Mapping[str, float]]) -> Results:
    """Run a trace with every policy, and with the neighbours of ours."""
    policies = {
        OURS: Ours(A100),
        ALWAYS: AlwaysOn(A100, trace),
        AWS: TargetTracking(A100),
        KEDA: Keda(),
        **{name: Ours(A100, replace(A100.policy, **changes)) for name, changes in neighbours.items()},
    }
    return {name: Pool(trace, A100, policy, timeline=True).run() for name, policy in policies.items()}


def wait(outcome: Outcome) -> float:
    """Return the p95 wait for comparisons."""
    return max(outcome.wait(95), UNNOTICED)


def excess(results: Results, name: str = OURS) -> float:
    """Return by what factor the best other policy beats this one, in one measure at no loss in the other, or in both.

    1 and below: on the Pareto front of all that was run. Better in p95 and dearer, or worse and cheaper, is a choice.
    """
    own = results[name]
    others = [outcome for other, outcome in results.items() if other != name]
    return max(_beats(wait(own) / wait(each), own.dollars / each.dollars) for each in others)


def _beats(quicker: float, cheaper: float) -> float:
    """Return the larger advantage where the other one is none to us, else the smaller."""
    return max(quicker, cheaper) if min(quicker, cheaper) >= 1 else min(quicker, cheaper)


def figures(traces: Mapping[str, Trace], results: Mapping[str, Results]) -> dict[str, object]:
    """Return what the tables hold, for programs."""
    return {
        trace: {
            "excess": excess(found),
            "floor": clairvoyant(traces[trace], A100),
            "policies": {
                name: {
                    "jobs": len(outcome.waits),
                    "p50": outcome.wait(50),
                    "p95": outcome.wait(95),
                    "dollars": outcome.dollars,
                    "boots": outcome.boots,
                    "most": outcome.most,
                    "timeline": outcome.timeline[:2000],
                }
                for name, outcome in found.items()
            },
        }
        for trace, found in results.items()
    }


def report(traces: Mapping[str, Trace], results: Mapping[str, Results]) -> None:
    """Print the comparison."""
    print("| trace | policy | p50 wait | p95 | p99 | cold | boots | GPU-hours | $ per 1,000 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, found in results.items():
        for policy in (OURS, AWS, KEDA, ALWAYS):
            print(f"| {name if policy == OURS else ''} | {policy} | {_row(found[policy])} |")
        floor = clairvoyant(traces[name], A100) / len(traces[name].arrivals) * 1000
        print(f"| | clairvoyant, nobody waits | 0 s | 0 s | 0 s | 0 % | – | – | {floor:,.2f} |")
    print("\n| trace | beaten by at most | p95 by the quickest that scales | cost by the cheapest that scales |")
    print("|---|---|---|---|")
    for name, found in results.items():
        rivals = [found[each] for each in (AWS, KEDA)]
        quick = wait(found[OURS]) / min(map(wait, rivals))
        cheap = found[OURS].dollars / min(each.dollars for each in rivals)
        print(f"| {name} | {excess(found):.2f} | {quick:.2f} | {cheap:.2f} |")
    print("\n| policy with one number changed | " + " | ".join(results) + " |")
    print("|---" * (len(results) + 1) + "|")
    for policy in (each for each in (OURS, *NEIGHBOURS) if each in next(iter(results.values()))):
        cells = (
            f"{found[policy].wait(95):.1f} s, ${found[policy].dollars_per_1000:,.2f}" for found in results.values()
        )
        print(f"| {policy} | {' | '.join(cells)} |")


def report_joint(traces: Mapping[str, Trace]) -> None:
    """Print for each combination p95 by the quickest and cost by the cheapest of those that scale; the best first."""
    rivals = {
        name: [Pool(trace, A100, each).run() for each in (TargetTracking(A100), Keda())]
        for name, trace in traces.items()
    }
    rows = []
    for numbers in product(*JOINT.values()):
        policy = replace(A100.policy, **dict(zip(JOINT, numbers, strict=True)))
        pairs = []
        for name, trace in traces.items():
            ours = Pool(trace, A100, Ours(A100, policy)).run()
            quick = wait(ours) / min(map(wait, rivals[name]))
            pairs.append((quick, ours.dollars / min(each.dollars for each in rivals[name])))
        rows.append((max(map(max, pairs)), numbers, pairs))
    print(f"| {', '.join(JOINT)} | worst | {' | '.join(traces)} |")
    print("|---" * (len(traces) + 2) + "|")
    for worst, numbers, pairs in sorted(rows):
        cells = " | ".join(f"{quick:.2f}, {cheap:.2f}" for quick, cheap in pairs)
        print(f"| {', '.join(map(str, numbers))} | {worst:.2f} | {cells} |")


def _row(outcome: Outcome) -> str:
    waits = " | ".join(f"{outcome.wait(percentile):.1f} s" for percentile in (50, 95, 99))
    cold = outcome.cold / len(outcome.waits) * 100
    hours = outcome.machine_seconds / HOUR * A100.gpus
    return f"{waits} | {cold:.1f} % | {outcome.boots} | {hours:,.0f} | {outcome.dollars_per_1000:,.2f}"


PER_EDIT: Mapping[ProfileName, tuple[float, float]] = {
    ProfileName.A100: (1, 12.0),
    ProfileName.T4: (2, 0.5),
    ProfileName.CPU: (4, 0.25),
}
"""Messages of one edit for each pool, and seconds of each: two clicks, an opening and three parts."""


def scale(*, short: bool) -> Iterator[tuple[int, Mapping[ProfileName, Outcome]]]:
    """Run all pools at each number of jobs a day: for days where jobs are few, for minutes where they are many."""
    for exponent in range(3, 5) if short else range(1, 8):
        jobs = 10**exponent
        length = min(60 * DAY, max(600.0, 60_000 / jobs * DAY))
        yield jobs, {profile: _at(jobs, profile, length * (0.1 if short else 1)) for profile in SHAPES}


def _at(jobs: int, profile: ProfileName, length: float) -> Outcome:
    rng = np.random.default_rng(jobs)
    messages, seconds = PER_EDIT[profile]
    arrivals = poisson(jobs * messages / DAY, length, rng)
    if not len(arrivals):
        arrivals = np.array([length / 2])
    trace = (
        edits("", arrivals, length, rng) if profile is ProfileName.A100 else uniform("", arrivals, length, seconds, rng)
    )
    shape = SHAPES[profile]
    # A long time before, the pool has grown to what it needs.
    start = int(np.ceil(jobs * messages / DAY * seconds / shape.policy.utilisation / shape.slots))
    return Pool(trace, shape, Ours(shape, start=start if jobs >= 100_000 else 0)).run()


def report_scale(table: list[tuple[int, Mapping[ProfileName, Outcome]]]) -> None:
    """Print the pools by jobs a day."""
    print("\n| jobs a day | " + " | ".join(f"{name}: machines, p95 wait, $ a day" for name in SHAPES), end="")
    print(" | $ per 1,000 |\n" + "|---" * (len(SHAPES) + 2) + "|")
    for jobs, found in table:
        cells, dollars = [], 0.0
        for profile, outcome in found.items():
            length = max(outcome_length(outcome, jobs, profile), 1.0)
            a_day = outcome.dollars / length * DAY
            dollars += a_day
            cells.append(f"{outcome.machine_seconds / length:.2f}, {outcome.wait(95):.1f} s, {a_day:,.0f}")
        print(f"| {jobs:,} | {' | '.join(cells)} | {dollars / jobs * 1000:,.2f} |")


def outcome_length(outcome: Outcome, jobs: int, profile: ProfileName) -> float:
    """Return the time that a run stands for, from the jobs in it."""
    return len(outcome.waits) / (jobs * PER_EDIT[profile][0]) * DAY


def report_capacity() -> None:
    """Print the limits of what is not scaled by machines of pools."""
    print("\n| part | a unit | of a unit at 1 M | jobs a day that a unit takes | figure | grows by |")
    print("|---|---|---|---|---|---|")
    for part in sorted(capacity.PARTS, key=lambda each: each.limit):
        print(
            f"| {part.name} | {part.unit} | {part.used(1e6):.0%} | {part.limit / 1e6:.1f} M | {part.source} "
            f"| {part.grows_by} |"
        )
    alone = capacity.without_clicks() / 1e6
    print(f"\nA broker whose utilities and clicks have another one takes {alone:.1f} M jobs a day.")


if __name__ == "__main__":
    sys.exit(main())
