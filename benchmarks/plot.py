"""The picture of a run: how far each measure is on the good side of its goal, as SVG."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.harness import Measure, Sense, number


def draw(measures: Sequence[Measure], path: Path) -> None:
    """Write the picture. A bar is how many times better than its goal a median is, its whisker the rounds'."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "darkroom", "font.size": 8, "axes.spines.top": False, "svg.fonttype": "none"})
    shown = [each for each in measures if each.goal is not None][::-1]
    figure, axes = plt.subplots(figsize=(9, 0.26 * len(shown) + 1))
    for place, each in enumerate(shown):
        middle, *ends = (_better(each, value) for value in (each.median, min(each.values), max(each.values)))
        axes.barh(place, middle - 1, left=1, color="tab:blue" if middle >= 1 else "tab:red", height=0.6)
        axes.plot(ends, [place, place], color="black", linewidth=0.8)
        axes.text(
            max(*ends, middle, 1) * 1.05, place, f"{number(each.median)}{each.goal.unit}, goal {each.goal}", va="center"
        )
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [f"{each.row}  {each.what}" for each in shown])
    axes.set_xlabel("times better than the goal; the line spans the rounds")
    axes.spines["right"].set_visible(False)
    axes.margins(x=0.3)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def _better(measure: Measure, value: float) -> float:
    assert measure.goal is not None  # noqa: S101 - for the type checker
    return value / measure.goal.value if measure.goal.sense is Sense.AT_LEAST else measure.goal.value / value
