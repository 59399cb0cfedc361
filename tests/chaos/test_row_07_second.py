"""Row 7 with appendfsync everysec: what the crash of a machine costs, as that of a process costs nothing."""

import os
import time
from bisect import bisect_right
from pathlib import Path

from tasks import ledger
from tasks.jobs import Operation
from tests.chaos.conftest import MakeStand
from tests.chaos.engine import Script
from tests.chaos.faults import pause
from tests.chaos.report import Report
from tests.chaos.stand import Stand

SUBMITTING_SECONDS = 2.5
LOST_SECONDS = 1.0
"""What everysec may leave in the operating system's memory; a machine without power forgets it."""


def log_file(stand: Stand) -> Path:
    """Return the append-only file that grows."""
    (path,) = (stand.folder / "broker" / "appendonlydir").glob("*.incr.aof")
    return path


def test_a_lost_machine_costs_the_last_second(make_stand: MakeStand, report: Report) -> None:
    """With everysec, what was accepted up to a second before its machine was lost is there again; with its message."""
    stand = make_stand(appendonly="yes", appendfsync="everysec")
    path = log_file(stand)
    edit = stand.edit(Script(), Operation.TEXT_TO_IMAGE)
    sizes: list[tuple[float, int]] = []
    accepted: list[tuple[float, str]] = []
    began = time.monotonic()
    while (now := time.monotonic()) - began < SUBMITTING_SECONDS:
        sizes.append((now, path.stat().st_size))
        job_id = ledger.new_job_id()
        stand.book.apply(ledger.submit(job_id, edit, owner=f"owner-{job_id}", message=job_id, list_key="image-utils"))
        accepted.append((time.monotonic(), job_id))
        pause(0.01)
    stand.broker.kill()
    lost_from = time.monotonic() - LOST_SECONDS
    size = sizes[bisect_right(sizes, (lost_from, 0)) - 1][1]
    os.truncate(path, size)
    stand.broker.start()
    missing = [at for at, job_id in accepted if stand.book.apply(ledger.read(job_id)) is None]
    left = len(accepted) - len(missing)
    report.row(
        7,
        injected="kill -9 of a broker with appendfsync everysec, and the last second cut off its file: a lost machine",
        counted=f"{len(missing)} of {len(accepted)} jobs accepted in {SUBMITTING_SECONDS} s lost",
        measured=f"the oldest of them {time.monotonic() - min(missing, default=0):.1f} s ago",
        bound=f"{LOST_SECONDS} s of jobs",
    )
    assert missing, "the file did lose something"
    assert all(at >= lost_from - 0.1 for at in missing)
    assert stand.broker.client.zcard("darkroom:jobs:open") == left
    assert stand.broker.client.llen("image-utils") == left
