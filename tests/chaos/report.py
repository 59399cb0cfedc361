"""One line per row: what was injected, what was counted, what was measured, and the bound."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

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


@dataclass(slots=True)
class Report:
    """Collects the lines of a run."""

    lines: list[Line] = field(default_factory=list)

    def row(self, row: int, *, injected: str, counted: str, measured: str, bound: str) -> None:
        """Add a line; a row may have several."""
        self.lines.append(Line(row, injected, counted, measured, bound))

    def write(self, path: Path) -> None:
        """Write the lines as a table in Markdown."""
        rows = [HEADINGS, ("---",) * len(HEADINGS), *(tuple(map(str, astuple(line))) for line in sorted(self.lines))]
        path.write_text("".join(f"| {' | '.join(cells)} |\n" for cells in rows))


def seconds(values: Sequence[float]) -> str:
    """Return durations as their median and their maximum."""
    ordered = sorted(values)
    return f"p50 {ordered[len(ordered) // 2]:.2f} s, max {ordered[-1]:.2f} s"
