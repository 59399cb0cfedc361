"""One line per row: what was injected, what was counted, what was measured, and the bound.

A row's lines travel with its test's report: so they arrive wherever the test has run.
"""

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from tests.chaos.scale import REPORT_FILE, SCALE

PROPERTY = "fault"
HEADINGS = ("row", "injected", "counted", "measured", "bound")


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """What one row has to say."""

    row: int
    injected: str
    counted: str
    measured: str
    bound: str

    def __str__(self) -> str:
        """The line, as it is shown."""
        return f"row {self.row:>2} │ {self.injected} │ {self.counted} │ {self.measured} │ bound: {self.bound}"


@dataclass(frozen=True, slots=True)
class Report:
    """Where one test says what it did."""

    properties: list[tuple[str, object]]

    def row(self, row: int, *, injected: str, counted: str, measured: str, bound: str) -> None:
        """Add a line; a row may have several."""
        self.properties.append((PROPERTY, [row, injected, counted, measured, bound]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the rows, and write them to a file if one is named."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    properties = [
        each for report in reports if getattr(report, "when", "") == "call" for each in report.user_properties
    ]
    lines = sorted(Line(*values) for name, values in properties if name == PROPERTY)
    if not lines:
        return
    terminalreporter.section(f"faults, {SCALE} scale, {os.cpu_count()} cores")
    for line in lines:
        terminalreporter.write_line(str(line))
    if REPORT_FILE:
        write(Path(REPORT_FILE), lines)


def write(path: Path, lines: Sequence[Line]) -> None:
    """Write lines as a table in Markdown."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(tuple(map(str, astuple(line))) for line in lines)]
    path.write_text("".join(f"| {' | '.join(cells)} |\n" for cells in rows))


def seconds(values: Sequence[float]) -> str:
    """Return durations as their median and their maximum."""
    ordered = sorted(values)
    return f"p50 {ordered[len(ordered) // 2]:.2f} s, max {ordered[-1]:.2f} s"
