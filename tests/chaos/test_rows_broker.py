"""Rows 7, 9, 10 and 11: the broker is killed, silent, or demoted, under all of Darkroom at once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.jobs import State
from tasks.settings import settings
from tests import lab
from tests.chaos.report import Report, seconds
from tests.chaos.scale import SCALE, Scale, pick
from tests.chaos.whole import Whole, whole

QUICK_LINES = {
    "DARKROOM_BROKER_ANSWER_SECONDS": "0.75",
    "DARKROOM_BROKER_CHECK_SECONDS": "1",
    "DARKROOM_BROKER_PATIENCE_SECONDS": "1.5",
    "DARKROOM_RESEND_SECONDS": "3",
    "DARKROOM_REREAD_SECONDS": "1",
}
"""Dead connections are noticed within seconds; the full scale has what every deployment has."""

NOTICE_SECONDS = 30
"""Row 9's bound, and row 10's after the healing."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """All of Darkroom, for one row after the other; each leaves it as it found it."""
    folder: Path = tmp_path_factory.mktemp("whole")
    with (
        pytest.MonkeyPatch.context() as patch,
        whole(folder, QUICK_LINES if SCALE is Scale.SHORT else {}, appendonly="yes", appendfsync="always") as opened,
    ):
        for name, value in opened.stand.environment.items():
            patch.setenv(name, value)
        settings.cache_clear()
        yield opened
    settings.cache_clear()


JOBS = pick(short=8, full=24)


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_dead_connections_are_noticed(town: Whole, report: Report, busy: bool) -> None:
    """When every connection to both servers goes dead, each pool works again in time, in the same process."""
    before = town.pids
    jobs = [town.submit(steps=6, seconds=0.15) for _ in range(JOBS if busy else 0)]
    if busy:
        lab.wait_for(lambda: any(town.stand.job(job).state is State.PROCESSING for job in jobs), "a job in the pool")
    dead = town.broker_line.black_hole(new=False) + town.cache_line.black_hole(new=False)
    at = time.monotonic()
    took = town.recovery(at, NOTICE_SECONDS)
    records = town.stand.all_final(jobs)
    done = time.monotonic() - at
    report.row(
        9,
        injected=f"{dead} connections dead, {'busy' if busy else 'idle'}",
        counted=f"{sum(job.state is State.DONE for job in records)} of {len(jobs)} jobs done, restarts "
        f"{sum(town.pids.get(name) != pid for name, pid in before.items())}",
        measured=f"pools work again: {seconds(list(took.values()))}; all jobs done after {done:.1f} s",
        bound=f"{NOTICE_SECONDS} s",
    )
    assert set(took) == set(town.probes())
    assert max(took.values()) <= NOTICE_SECONDS
    assert town.pids == before
    town.stand.verify(*jobs)
    assert {job.state for job in records} <= {State.DONE}
