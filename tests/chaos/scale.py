"""How large the faults are: a short version for every run of the tests, and the full one of ``make chaos``.

``DARKROOM_CHAOS=full`` chooses; each row states its two sets of figures where it uses them.
"""

import os
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class Scale(StrEnum):
    """Seconds per row, or minutes."""

    SHORT = "short"
    FULL = "full"


# Read when the tests are collected: later the variables of the developer's environment are gone.
SCALE = Scale(os.environ.get("DARKROOM_CHAOS") or Scale.SHORT)
REPORT_FILE = os.environ.get("DARKROOM_CHAOS_REPORT")
"""Where the table of rows is written to, as Markdown; unset: it is only shown."""


def pick(*, short: T, full: T) -> T:
    """Return the figure of the scale that runs."""
    return full if SCALE is Scale.FULL else short


LEASE_SECONDS = pick(short=2.0, full=20.0)
SWEEP_SECONDS = pick(short=0.2, full=3.0)
GRACE_SECONDS = pick(short=1.0, full=10.0)
"""Full: what every deployment has, unless it says otherwise (tasks/settings.py)."""

TIMING = {
    "DARKROOM_LEASE_SECONDS": str(LEASE_SECONDS),
    "DARKROOM_SWEEP_SECONDS": str(SWEEP_SECONDS),
    "DARKROOM_GRACE_SECONDS": str(GRACE_SECONDS),
}
SLACK_SECONDS = pick(short=2.0, full=0.5)
"""What a bound of seconds is allowed beyond itself: the short rows run beside other work."""
REDO_SECONDS = LEASE_SECONDS + SWEEP_SECONDS + 5
"""The bound for a job whose worker is gone."""
PUT_BACK_SECONDS = GRACE_SECONDS + SWEEP_SECONDS
"""The bound for a message that is gone."""
