"""A worker's own counters: what its tasks do, told to the broker every few seconds (``tasks.metrics``).

In a prefork pool the tasks run in its children, so each of them counts and tells, and the main process tells of those
that died with their task.
"""

import threading
import time
from typing import Any

import structlog
from celery import signals

from tasks import ledger
from tasks.errors import UnavailableError, translate
from tasks.ledger import Ledger
from tasks.metrics import TASK_ERRORS, TASK_SECONDS, TASKS, Batches, Tally
from tasks.settings import settings

log = structlog.get_logger(__name__)

_BEGAN = "darkroom_began"
"""Attribute of a running task's request: when it began."""


class Teller(threading.Thread):
    """Tells the broker what this process has counted, until it is stopped."""

    def __init__(self, book: Ledger, tally: Tally) -> None:
        """Prepare; nothing is told before ``start``."""
        super().__init__(name="teller", daemon=True)
        self._ledger = book
        self._batches = Batches(tally)
        self._stopped = threading.Event()

    def run(self) -> None:
        """Tell every few seconds, and once more at the end."""
        while not self._stopped.wait(settings().metrics_seconds):
            self._tell()
        self._tell()

    def stop(self) -> None:
        """Tell what is left, unless the broker is away: nobody waits for long at an exit."""
        self._stopped.set()
        self.join(timeout=1)

    def _tell(self) -> None:
        batch = self._batches.next()
        if batch is None:
            return
        try:
            self._ledger.apply(ledger.tell(batch))
        except UnavailableError as error:
            log.warning("metrics.not_told", reason=error.detail)
        else:
            self._batches.told()


class TaskCounter:
    """Follows Celery's signals in the process that runs the tasks.

    A pool child inherits it and gives it a tally of its own: the lock of the inherited one may be held by a thread that
    was not forked.
    """

    def __init__(self, tally: Tally) -> None:
        """Count into a tally; nothing is counted before ``connect``."""
        self.tally = tally

    def connect(self) -> None:
        """Follow the signals."""
        signals.task_prerun.connect(self._begin, weak=False)
        signals.task_postrun.connect(self._end, weak=False)
        signals.task_failure.connect(self._fail, weak=False)

    def _begin(self, task: Any, **_: Any) -> None:
        setattr(task.request, _BEGAN, time.monotonic())

    def _end(self, task: Any, state: str | None, **_: Any) -> None:
        self.tally.count(TASKS, self.tally.pool, task.name, (state or "unknown").lower())
        self.tally.observe(TASK_SECONDS, time.monotonic() - getattr(task.request, _BEGAN), task.name)

    def _fail(self, sender: Any, exception: BaseException, **_: Any) -> None:
        self.tally.count(TASK_ERRORS, sender.name, translate(exception).code)
