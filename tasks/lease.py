"""Holding a job while it is computed: renewals in the background, progress at each step, news when it is gone."""

import contextvars
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

from tasks import ledger
from tasks.errors import Draining, ErrorCode, JobTaken, ProcessingError, UnavailableError
from tasks.jobs import Failure
from tasks.ledger import Held, Ledger, Move, Token
from tasks.outcomes import tell_end
from tasks.settings import settings

EXIT_STUCK = 70
"""EX_SOFTWARE of sysexits.h; the supervisor starts a new worker."""

log = structlog.get_logger(__name__)


class Lease:
    """A context in which the job stays this attempt's. Safe for one worker thread and its renewer."""

    def __init__(
        self, book: Ledger, token: Token, draining: threading.Event, keep_preview: Callable[[bytes], str] | None = None
    ) -> None:
        """Hold a job that was just claimed; ``draining`` tells that the worker has to stop.

        ``keep_preview`` stores a preview and returns its id.
        """
        self._keep_preview = keep_preview
        self._ledger = book
        self._token = token
        self._draining = draining
        self._taken = threading.Event()
        self._left = threading.Event()
        self._started = time.monotonic()
        self._told: tuple[int, int, str] | None = None
        # In the task's context: what it logs is the task's.
        context = contextvars.copy_context()
        self._renewer = threading.Thread(target=context.run, args=(self._renew,), name="lease", daemon=True)

    def __enter__(self) -> Self:
        """Start to renew."""
        self._renewer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop to renew; the commit or the release follows."""
        self._left.set()
        self._renewer.join()

    def report(self, step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None:
        """Tell that a step begins, or, said again, that it goes on; ``preview`` is a WebP file of the state before it.

        Raises ``JobTaken`` or ``Draining`` when the work must stop instead, ``ProcessingError`` (time_limit) when the
        job has taken too long.
        """
        if self._draining.is_set():
            raise Draining
        if self._taken.is_set():
            raise JobTaken
        if self._seconds > settings().job_time_limit_seconds:
            raise _time_limit()
        now = (step, total_steps, message)
        try:
            move = ledger.renew(self._token) if now == self._told else self._progress(now, preview)
            held = self._ledger.apply(move)
        except UnavailableError:
            # The lease may outlive the server's absence; if it does not, the commit is refused.
            log.warning("lease.progress_not_told", job_id=self._token.job_id, step=step)
            return
        if held is not Held.YES:
            raise JobTaken
        self._told = now

    def _progress(self, now: tuple[int, int, str], preview: bytes | None) -> Move[Held]:
        shown = self._keep_preview(preview) if preview and self._keep_preview else ""
        return ledger.progress(self._token, *now, preview=shown)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _renew(self) -> None:
        while not self._left.wait(settings().lease_seconds / 4):
            if self._seconds > settings().job_time_limit_seconds + settings().last_step_seconds:
                self._give_up()
            try:
                held = self._ledger.apply(ledger.renew(self._token))
            except UnavailableError:
                log.warning("lease.not_renewed", job_id=self._token.job_id)
                continue
            if held is not Held.YES:
                log.info("lease.lost", job_id=self._token.job_id, reason=held)
                self._taken.set()
                return

    def _give_up(self) -> None:
        # No thread can be stopped from outside: the job fails, and the process ends with its stuck step.
        error = _time_limit()
        log.critical("lease.stuck", job_id=self._token.job_id, seconds=self._seconds)
        try:
            self._ledger.apply(ledger.fail(self._token, Failure(error.code, error.detail)))
            tell_end(self._ledger, self._token.job_id)
        finally:
            os._exit(EXIT_STUCK)


def _time_limit() -> ProcessingError:
    limit = settings().job_time_limit_seconds
    return ProcessingError(ErrorCode.TIME_LIMIT, f"The edit took longer than {limit:g} seconds; try a smaller photo.")
