"""The ledger as Celery's result backend: ``AsyncResult(job_id)`` reads the same record as /status and /result.

Jobs are committed by their token, so a zombie's result is refused. Everything else, replies of utilities and the
counters of chords, is kept as Celery's Redis backend does it.
"""

import time
from functools import cached_property
from typing import Any

import redis
import structlog
from celery import states
from celery._state import task_join_will_block
from celery.app.task import Context
from celery.backends.redis import RedisBackend
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from kombu.exceptions import OperationalError

from tasks import ledger, watchers
from tasks.errors import DarkroomError, UnavailableError, translate
from tasks.jobs import Failure, Role
from tasks.ledger import Held, Ledger, Move, Token
from tasks.messages import PART, REQUEST_ID
from tasks.outcomes import tell_end
from tasks.settings import settings

COMMIT_PAUSE_SECONDS = 0.5
"""Between two tries to commit, beside what each takes."""

_LOST = (WorkerLostError, TimeLimitExceeded)
_BROKER_ERRORS = (UnavailableError, redis.RedisError, OperationalError)

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
        """Commit a job by its token; store a reply; drop what a chord says of a job, whose parts told it themselves.

        What cannot be stored is dropped too: the waiter of a reply is told so in time, and a job is the sweeper's.
        """
        token: Token | None = getattr(request, CLAIM, None)
        try:
            if token is not None:
                self._commit(token, result, state)
            else:
                return super().store_result(task_id, result, state, traceback=traceback, request=request, **kwargs)
        except _BROKER_ERRORS as error:
            _require_away(error)
            log.warning("result.not_stored", task_id=task_id, reason=str(error))
        return result

    def mark_as_failure(
        self,
        task_id: str,
        exc: BaseException,
        traceback: str | None = None,
        request: Context | None = None,
        **kwargs: Any,
    ) -> None:
        """Fail the job of a header task at once, with the task's own error (a chord would wait for all of them).

        Where what it needs is away, the job is opened again later, and this chord is forgotten.
        """
        part = part_of(request)
        if isinstance(exc, _LOST):
            # The child that ran it is gone, and could not say so.
            log.error("task.failed", task_id=task_id, code=translate(exc).code, **_origin(request))
        if part is None or self._end_part(part[0], translate(exc)):
            super().mark_as_failure(task_id, exc, traceback=traceback, request=request, **kwargs)

    def on_chord_part_return(
        self, request: Context, state: str, result: Any, propagate: bool | None = None, **kwargs: Any
    ) -> None:
        """Count a header task. Where the broker is away that is left to the sweeper: the part has told its job."""
        try:
            super().on_chord_part_return(request, state, result, propagate=propagate, **kwargs)
        except SoftTimeLimitExceeded:
            log.warning("chord.part_not_counted", task_id=request.id, reason="the task's time ran out meanwhile")
        except _BROKER_ERRORS as error:
            _require_away(error)
            log.warning("chord.part_not_counted", task_id=request.id, reason=str(error))

    def _call_task_errbacks(self, request: Context, exc: BaseException, traceback: str | None) -> None:
        """Send what a client wants done after a failure; where that cannot be sent, the task has failed all the same.

        Raised here, the error would keep the message from being acknowledged, and a thread's slot for ever.
        """
        try:
            super()._call_task_errbacks(request, exc, traceback)
        except Exception:
            log.exception("task.errback_not_sent", task_id=request.id)

    def add_pending_result(self, result: Any, weak: bool = False, start_drainer: bool = True) -> Any:
        """Wait for a result, but for none in a worker.

        Celery waits there for each part of a chord that it sends: a worker would collect their channels and results.
        """
        if task_join_will_block():
            return result
        return super().add_pending_result(result, weak=weak, start_drainer=start_drainer)

    def _commit(self, token: Token, result: Any, state: str) -> None:
        if state == states.SUCCESS:
            held = self._patiently(ledger.succeed(token, result))
        elif isinstance(result, BaseException):
            held = self._patiently(_ending(token, translate(result)))
        else:
            return
        if held is Held.YES:
            tell_end(self.ledger, token.job_id)
        else:
            log.warning("job.commit_refused", job_id=token.job_id, held=held, celery_state=state)

    def _patiently(self, move: Move[Held]) -> Held:
        # What was computed in a minute is not thrown away because the broker is away for half of one.
        deadline = time.monotonic() + settings().commit_seconds
        while True:
            try:
                return self.ledger.apply(move)
            except UnavailableError as error:
                if time.monotonic() >= deadline:
                    raise
                log.warning("job.commit_delayed", reason=error.detail)
                time.sleep(COMMIT_PAUSE_SECONDS)

    def _end_part(self, chord: Token, error: DarkroomError) -> bool:
        """Tell a job that one of its parts failed; return whether it is of use to tell the chord."""
        try:
            held = self.ledger.apply(_ending(chord, error))
        except UnavailableError as away:
            log.warning("part.not_ended", job_id=chord.job_id, reason=away.detail)
            return False
        if held is Held.YES:
            watchers.show_end(self.app, tell_end(self.ledger, chord.job_id))
        return not isinstance(error, UnavailableError)

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        job = self.ledger.apply(ledger.celery_meta(task_id))
        return job if job is not None else super()._get_task_meta_for(task_id)

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Context | None = None,
        **kwargs: Any,
    ) -> Any:
        """Keep a reply in one round trip; Celery looks first, then writes."""
        told = self._get_result_meta(result=result, state=state, traceback=traceback, request=request)
        seconds = self.failure_expires if state == states.FAILURE else self.expires
        self.ledger.apply(ledger.reply(task_id, self.encode({**told, "task_id": task_id}), seconds))
        return result


def _origin(request: Context | None) -> dict[str, str]:
    """Return what a log line says of where a task came from, in a process that does not run it."""
    part = part_of(request)
    named = {"task": getattr(request, "task", ""), REQUEST_ID: getattr(request, REQUEST_ID, "")}
    return {**named, **({"job_id": part[0].job_id} if part else {})}


def _require_away(error: Exception) -> None:
    """Raise what is no sign of a broker that is away or full."""
    if not isinstance(translate(error), UnavailableError):
        raise error


def _ending(token: Token, error: DarkroomError) -> Move[Held]:
    """Return how a job ends by an error; what is merely unavailable is no end, but a setback."""
    failure = Failure(error.code, error.detail)
    return ledger.set_back(token, failure) if isinstance(error, UnavailableError) else ledger.fail(token, failure)
