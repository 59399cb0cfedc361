"""The benchmarks' harness: what a median, a ratio and a goal mean, and the report."""

import pytest

from benchmarks.__main__ import ROWS, markdown
from benchmarks.harness import Measure, at_least, at_most, number, ratios, rounds


def test_each_round_begins_with_another_side() -> None:
    """What else the machine does meets all sides alike, and none is always the one after the heaviest."""
    called: list[str] = []

    def side(name: str) -> float:
        called.append(name)
        return float(len(called))

    values = rounds({name: lambda name=name: side(name) for name in "abc"}, 3)
    assert "".join(called) == "abcbcacab"
    assert values == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}


def test_a_ratio_is_taken_within_a_round() -> None:
    """A machine that is twice as slow in one round changes no ratio."""
    assert ratios([10, 5], [5, 2.5]) == (2, 2)


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (at_least(0.92), 0.92, True),
        (at_least(0.92), 0.91, False),
        (at_most(2, " KB"), 2, True),
        (at_most(2), 2.1, False),
    ],
)
def test_a_goal_is_met_from_its_own_value_on(goal: object, value: float, met: bool) -> None:
    """The median decides, whatever a single round was."""
    measure = Measure(1, "what", (0.0, value, 1e9), goal)  # type: ignore[arg-type]
    assert measure.verdict == ("met" if met else "missed")


@pytest.mark.parametrize(
    ("value", "text"), [(12345.6, "12,346"), (12.34, "12.3"), (1.234, "1.23"), (0.00123, "0.0012")]
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_every_row_is_measured_by_one_module() -> None:
    """The table of docs/performance.md has sixteen rows."""
    assert sorted(row for rows in ROWS.values() for row in rows) == list(range(1, 17))


def test_a_page_has_a_line_for_each_measure() -> None:
    """With the rounds' extremes and the verdict."""
    lines = markdown([Measure(4, "no-op", (0.3, 0.4, 0.5), at_most(0.5), "1 ms", "a round trip")]).splitlines()
    assert lines[-1] == "| 4 | no-op | 0.40× (0.30 to 0.50) | ≤ 0.50×, met | 1 ms | a round trip |"
