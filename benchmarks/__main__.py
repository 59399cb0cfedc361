"""Measure all rows, or some, and print a table: ``python -m benchmarks [--quick] [--row N …] [--into FOLDER]``."""

import argparse
import importlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Measure, Scale, as_json, machine, number

ROWS = {
    "serving": (1, 2, 3),
    "messages": (4, 5, 7, 13, 15),
    "waiting": (6,),
    "transfer": (8, 9),
    "codecs": (10,),
    "utilities": (11,),
    "clicks": (12,),
    "removal": (14,),
    "start": (16,),
}
"""Modules of ``benchmarks.rows`` and the rows that each measures. They are imported when it is their turn: some load
cv2 or torch, which the others would feel."""

HEADINGS = ("row", "what", "median (least to most)", "goal", "figures", "limit")


def main() -> None:
    """Measure, print a table, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="whether everything runs; the figures say little")
    parser.add_argument("--row", type=int, action="append", help="measure this row only; may be repeated")
    parser.add_argument("--into", type=Path, help="write every round's figure, the table and a picture to this folder")
    arguments = parser.parse_args()
    scale = Scale.QUICK if arguments.quick else Scale.FULL
    about = machine()
    measures: list[Measure] = []
    try:
        measures.extend(measured(scale, set(arguments.row or range(1, 17))))
    finally:  # one peer that does not start, in the twelfth minute, is no reason to lose the others
        measures.sort(key=lambda one: one.row)
        Console(width=200).print(table(measures, about))
        if arguments.into:
            write(arguments.into, measures, about)


def write(folder: Path, measures: list[Measure], about: dict[str, str]) -> None:
    """Write a run to a folder: every round's figure, the table of a page and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    told = json.dumps(as_json(measures, about), indent=1, ensure_ascii=False)
    (folder / "performance.json").write_text(f"{told}\n")
    (folder / "performance.md").write_text(markdown(measures))
    importlib.import_module("benchmarks.plot").draw(measures, folder / "performance.svg")


def measured(scale: Scale, rows: set[int]) -> Iterator[Measure]:
    """Yield the measures of some rows, and say on the way how long each group took."""
    console = Console(stderr=True)
    for name, numbers in ROWS.items():
        if rows.isdisjoint(numbers):
            continue
        began = time.monotonic()
        yield from importlib.import_module(f"benchmarks.rows.{name}").measure(scale, rows & set(numbers))
        console.print(f"{name}: {time.monotonic() - began:.0f} s", highlight=False)


def table(measures: list[Measure], about: dict[str, str]) -> Table:
    """Lay out a run for a terminal."""
    made = Table(title=", ".join(f"{name} {value}" for name, value in about.items()), title_justify="left")
    for heading in HEADINGS:
        made.add_column(heading)
    for each in measures:
        made.add_row(*cells(each))
    return made


def markdown(measures: list[Measure]) -> str:
    """Lay out a run for a page."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(cells(each) for each in measures)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells(measure: Measure) -> tuple[str, ...]:
    """Return what stands below the headings."""
    unit = measure.goal.unit if measure.goal else ""
    median, least, most = (number(value) for value in (measure.median, min(measure.values), max(measure.values)))
    goal = f"{measure.goal}, {measure.verdict}" if measure.goal else "–"
    value = f"{median}{unit} ({least} to {most})"
    return str(measure.row), measure.what, value, goal, measure.detail, measure.limit


if __name__ == "__main__":
    main()
