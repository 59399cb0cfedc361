"""Rows 4, 5, 7, 13 and 15: what messages and the job record cost."""

import importlib
import logging
from collections.abc import Iterator

from benchmarks.harness import Measure, Scale
from tasks import logs

PARTS = {4: "trip", 5: "submission", 7: "bytes", 13: "drain", 15: "growth"}


def measure(scale: Scale, rows: set[int]) -> Iterator[Measure]:
    """Measure some of them, one after the other."""
    logs.configure(logging.WARNING)
    for row, name in PARTS.items():
        if row in rows:
            yield from importlib.import_module(f"benchmarks.rows.messages_{name}").measure(scale)
