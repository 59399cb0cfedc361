"""Measure all rows, or some: ``python -m benchmarks [--quick] [--row N …] [--json FILE] [--plot FILE]``."""

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


def main() -> None:
    """Measure, print a table, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="whether everything runs; the figures say little")
    parser.add_argument("--row", type=int, action="append", help="measure this row only; may be repeated")
    parser.add_argument("--json", type=Path, help="write every round's figure to this file")
    parser.add_argument("--plot", type=Path, help="draw the medians against their goals into this SVG")
    arguments = parser.parse_args()
    scale = Scale.QUICK if arguments.quick else Scale.FULL
    about = machine()
    measures = list(measured(scale, set(arguments.row or range(1, 17))))
    Console(width=200).print(table(measures, about))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(measures, about), indent=1, ensure_ascii=False) + "\n")
    if arguments.plot:
        importlib.import_module("benchmarks.plot").draw(measures, arguments.plot)


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
    """Lay out a run."""
    made = Table(title=", ".join(f"{name} {value}" for name, value in about.items()), title_justify="left")
    for heading in ("row", "what", "median", "min", "max", "goal", "", "figures", "limit"):
        made.add_column(heading, justify="right" if heading in {"row", "median", "min", "max"} else "left")
    for each in sorted(measures, key=lambda one: one.row):
        unit = each.goal.unit if each.goal else ""
        values = (f"{number(value)}{unit}" for value in (each.median, min(each.values), max(each.values)))
        goal = str(each.goal) if each.goal else "–"
        made.add_row(str(each.row), each.what, *values, goal, each.verdict, each.detail, each.limit)
    return made


if __name__ == "__main__":
    main()
