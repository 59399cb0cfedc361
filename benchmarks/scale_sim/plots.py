"""The pictures of docs/scale.md, as SVG."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from worker_profiles import ProfileName

from . import capacity
from .engine import Outcome
from .pools import SHAPES
from .traces import Trace

SHOWN = {
    "Darkroom": ("o", "tab:blue"),
    "AWS target tracking": ("s", "tab:orange"),
    "KEDA": ("^", "tab:green"),
    "always on": ("D", "tab:gray"),
}
HOUR = 3600.0
FLOOR = 0.5
"""Seconds; a logarithmic axis has no zero."""


def draw(
    folder: Path,
    traces: Mapping[str, Trace],
    results: Mapping[str, dict[str, Outcome]],
    table: list[tuple[int, Mapping[ProfileName, Outcome]]],
) -> None:
    """Write all pictures."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "darkroom", "font.size": 8, "axes.spines.top": False, "svg.fonttype": "none"})
    folder.mkdir(parents=True, exist_ok=True)
    _front(folder / "scale-front.svg", results)
    _timeline(folder / "scale-timeline.svg", traces, results)
    _saturation(folder / "scale-saturation.svg", table)


def _save(path: Path) -> None:
    plt.tight_layout()
    plt.savefig(path, metadata={"Date": None})
    plt.close()


def _front(path: Path, results: Mapping[str, dict[str, Outcome]]) -> None:
    """Cost against wait, a panel for each trace; small dots are our policy with one number changed."""
    _, axes = plt.subplots(2, 3, figsize=(9, 5))
    for panel, (name, found) in zip(axes.flat, results.items(), strict=True):
        for policy, outcome in found.items():
            marker, colour = SHOWN.get(policy, (".", "tab:cyan"))
            panel.plot(max(outcome.wait(95), FLOOR), outcome.dollars_per_1000, marker, color=colour, label=policy)
        panel.set_xscale("log")
        panel.set_xlim(0.6 * FLOOR, 1000)
        panel.set_yscale("log")
        panel.set_title(name)
        panel.set_xlabel("p95 wait, s (0.5 stands for less)")
        panel.set_ylabel("$ per 1,000 images")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    kept = {label: handle for handle, label in zip(handles, labels, strict=True) if label in SHOWN}
    axes.flat[0].legend(kept.values(), kept.keys(), fontsize=7)
    _save(path)


def _timeline(path: Path, traces: Mapping[str, Trace], results: Mapping[str, dict[str, Outcome]]) -> None:
    """Machines over a day with a tide, and over a burst."""
    _, (day, burst) = plt.subplots(1, 2, figsize=(9, 3))
    tide = next(name for name in results if name.startswith("diurnal"))
    _machines(day, results[tide], 0.0, 48 * HOUR, HOUR, "hours")
    day.set_title(tide)
    bursts = next(name for name in results if name.startswith("bursts"))
    arrivals = traces[bursts].arrivals
    counts, edges = np.histogram(arrivals, np.arange(0, traces[bursts].length, 60))
    begins = float(edges[int(np.argmax(counts))])
    _machines(burst, results[bursts], begins - 300, begins + 1800, 60, "minutes")
    burst.set_title("a burst of 300 jobs")
    day.legend(fontsize=7)
    _save(path)


def _machines(panel: Axes, found: Mapping[str, Outcome], begin: float, end: float, unit: float, name: str) -> None:
    for policy in ("KEDA", "AWS target tracking", "Darkroom"):
        points = [(at, desired) for at, desired, *_ in found[policy].timeline if begin <= at <= end]
        changes = [point for n, point in enumerate(points) if n in (0, len(points) - 1) or point[1] != points[n - 1][1]]
        if changes:
            times, desired = zip(*changes, strict=True)
            panel.step(
                [(at - begin) / unit for at in times],
                desired,
                where="post",
                color=SHOWN[policy][1],
                label=policy,
                linewidth=1,
            )
    panel.set_xlabel(name)
    panel.set_ylabel("machines asked for")


def _saturation(path: Path, table: list[tuple[int, Mapping[ProfileName, Outcome]]]) -> None:
    """What share of one unit each part needs, and machines of each pool, by jobs a day."""
    _, (parts, pools) = plt.subplots(1, 2, figsize=(9, 3.2))
    days = np.logspace(1, 7, 50)
    for part in sorted(capacity.PARTS, key=lambda each: each.limit):
        parts.plot(days, [part.used(jobs) for jobs in days], label=f"{part.name} ({part.unit})")
    parts.axhline(capacity.USABLE, color="black", linewidth=0.5, linestyle="--")
    parts.set_ylim(1e-4, 20)
    parts.set_ylabel("of one unit, in the busiest hour")
    for profile in SHAPES:
        machines = [
            outcome.machine_seconds / _length(outcome, jobs, profile)
            for jobs, outcome in ((jobs, found[profile]) for jobs, found in table)
        ]
        pools.plot([jobs for jobs, _ in table], machines, "o-", markersize=3, label=profile)
    pools.set_ylabel("machines on average")
    for panel in (parts, pools):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("jobs a day")
        panel.legend(fontsize=6)
    _save(path)


def _length(outcome: Outcome, jobs: int, profile: ProfileName) -> float:
    messages = {ProfileName.A100: 1, ProfileName.T4: 2, ProfileName.CPU: 4}[profile]
    return max(len(outcome.waits) / (jobs * messages) * 86_400, 1.0)
