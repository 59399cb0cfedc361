"""The ledger as Celery's result backend: ``AsyncResult(job_id)`` reads the same record as /status and /result.

Jobs are committed by their token, so a zombie's result is refused. Everything else, replies of utilities and the
counters of chords, is kept as Celery's Redis backend does it.
"""

from functools import cached_property
from typing import Any

import structlog
from celery import states
from celery.app.task import Context
from celery.backends.redis import RedisBackend

from tasks import ledger
from tasks.errors import translate
from tasks.jobs import Failure, Role
from tasks.ledger import Held, Ledger, Token
from tasks.messages import PART

log = structlog.get_logger(__name__)

CLAIM = "darkroom_claim"
"""Attribute of a running task's request that holds the token of its attempt."""


def part_of(request: Context | None) -> tuple[Token, Role] | None:
    """Return the chord and the role that a task works for; None for a task of its own."""
    part = getattr(request, PART, None)
    return (Token(part["job"], part["launch"]), Role(part["role"])) if part else None


class LedgerBackend(RedisBackend):
    """Stores a job's outcome by a ledger move, and any other task's as a short-lived reply."""

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger on the server of this backend."""
        return ledger.connect(self.url)

    def store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Context | None = None,
        **kwargs: Any,
    ) -> Any:
        """Commit a job by its token; store a reply; drop what a chord says of a job, whose parts told it themselves."""
        token: Token | None = getattr(request, CLAIM, None)
        if token is not None:
            self._commit(token, result, state)
            return result
        if state in states.EXCEPTION_STATES and self._is_job(task_id):
            return result
        return super().store_result(task_id, result, state, traceback=traceback, request=request, **kwargs)

    def mark_as_failure(
        self,
        task_id: str,
        exc: BaseException,
        traceback: str | None = None,
        request: Context | None = None,
        **kwargs: Any,
    ) -> None:
        """Fail the job of a header task at once, with the task's own error (a chord would wait for all of them)."""
        part = part_of(request)
        if part is not None:
            error = translate(exc)
            self.ledger.apply(ledger.fail(part[0], Failure(error.code, error.detail)))
        super().mark_as_failure(task_id, exc, traceback=traceback, request=request, **kwargs)

    def _call_task_errbacks(self, request: Context, exc: BaseException, traceback: str | None) -> None:
        """Send what a client wants done after a failure; where that cannot be sent, the task has failed all the same.

        Raised here, the error would keep the message from being acknowledged, and a thread's slot for ever.
        """
        try:
            super()._call_task_errbacks(request, exc, traceback)
        except Exception:
            log.exception("task.errback_not_sent", task_id=request.id)

    def _commit(self, token: Token, result: Any, state: str) -> None:
        if state == states.SUCCESS:
            held = self.ledger.apply(ledger.succeed(token, result))
        elif isinstance(result, BaseException):
            error = translate(result)
            held = self.ledger.apply(ledger.fail(token, Failure(error.code, error.detail)))
        else:
            return
        if held is not Held.YES:
            log.warning("job.commit_refused", job_id=token.job_id, held=held, celery_state=state)

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        job = self.ledger.apply(ledger.celery_meta(task_id))
        return job if job is not None else super()._get_task_meta_for(task_id)

    def _is_job(self, task_id: str) -> bool:
        return self.ledger.apply(ledger.celery_meta(task_id)) is not None
