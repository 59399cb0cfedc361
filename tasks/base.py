"""The base of every task: no error may end the worker, and a part of a job reports to the job."""

import inspect
import traceback
from functools import cached_property
from typing import Any, Literal, get_type_hints

import structlog
from celery import Task
from celery.exceptions import Ignore, Reject, Retry

from tasks import ledger, watchers
from tasks.app import Darkroom
from tasks.errors import DarkroomError, ErrorCode, InputError, Interrupted, NotFoundError, translate
from tasks.jobs import Job, Stage
from tasks.ledger import Claimed, Held, Ledger, Token
from tasks.messages import ENQUEUED_AT
from tasks.outcomes import PutDown, tell_end
from tasks.results import CLAIM, part_of
from tasks.tracing import QUEUE, Attribute, waited
from tasks.validation import LONGEST_DETAIL

log = structlog.get_logger(__name__)

_OUTCOMES = (DarkroomError, Interrupted, Ignore, Reject, Retry)


class DarkroomTask(Task):
    """Base of all tasks (``Celery(task_cls=…)``)."""

    throws = (DarkroomError, Interrupted)  # logged in a line, without a traceback
    resultrepr_maxsize = 160
    """Of a result, logs and Flower show where its image is, and not the prompt further behind."""
    max_retries = 2
    """Celery runs a task again whose pool child died, this often."""
    default_retry_delay = 0
    """And at once: its own 180 s would be spent in a slot of a worker, and nobody waits so long for a utility."""
    abstract = True
    app: Darkroom
    carries_job = False
    """Whether its id is a job's: it claims the job, and its result is the job's."""

    @property
    def job_id(self) -> str:
        """The job that the running task works for; empty if it works for none."""
        if self.carries_job:
            return str(self.request.id)
        part = part_of(self.request)
        return part[0].job_id if part else ""

    @property
    def enqueued_at(self) -> float | None:
        """When the running task's message was enqueued, in Unix seconds; None if it does not say."""
        at: float | None = self.request.get(ENQUEUED_AT)
        return at

    @property
    def came_on(self) -> str:
        """The queue that the running task's message came on."""
        return str((self.request.delivery_info or {}).get("routing_key", ""))

    def trace_attributes(self) -> dict[str, Attribute]:
        """Return what a trace says of the running task from its start."""
        part = part_of(self.request)
        return {
            "messaging.system": "redis",
            QUEUE: self.came_on,
            "darkroom.attempt": (self.request.retries or 0) + 1,
            **({"darkroom.job_id": self.job_id} if self.job_id else {}),
            **({"darkroom.role": part[1]} if part else {}),
        }

    @property
    def ledger(self) -> Ledger:
        """The ledger of this process."""
        return self.app.ledger

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the task; as a part of a job, only while the job wants it, and tell the job what came out."""
        part = part_of(self.request)
        if part is None:
            return self._guarded(*args, **kwargs)
        chord, role = part
        entered = self.ledger.apply(ledger.enter(chord, role))
        if entered is not Held.YES:
            log.info("part.dropped", role=role, held=entered)
            if entered is Held.BURIED:
                tell_end(self.ledger, chord.job_id)
            self.show_end(chord.job_id)
            return None
        made = self._guarded(*args, **kwargs)
        self.ledger.apply(ledger.part(chord, role, made["image_id"]))
        return made

    def claim(self, job_id: str, stage: Literal[Stage.OPENING, Stage.BODY]) -> Token:
        """Take a job for this task; what the task returns or raises ends the job. Raises ``PutDown`` if refused."""
        token = ledger.new_token(job_id)
        claimed = self.ledger.apply(ledger.claim(token, stage, str(self.request.hostname)))
        if claimed is Claimed.EXHAUSTED:
            tell_end(self.ledger, job_id)
        if claimed is not Claimed.CLAIMED:
            self.show_end(job_id)
            raise PutDown(f"not claimed: {claimed}")
        setattr(self.request, CLAIM, token)
        return token

    def read_claimed(self, job_id: str) -> Job:
        """Return the record of the job that this task has claimed. Raises ``NotFoundError`` (job_unknown)."""
        read = self.ledger.apply(ledger.read(job_id))
        if read is None:
            raise NotFoundError(ErrorCode.JOB_UNKNOWN, f"There is no job {job_id}.")
        job, tracing = read[0], self.app.tracing
        if tracing.is_on:
            waited(tracing, self.came_on, job.enqueued_at)
            tracing.note(darkroom_operation=job.edit.operation, darkroom_attempt=job.attempts)
        return job

    def show_end(self, job_id: str) -> None:
        """Have Flower show how a job has ended, if it has."""
        if self.app.watched_as:
            read = self.ledger.apply(ledger.read(job_id))
            watchers.show_end(self.app, read[0] if read is not None else None)

    def _require_fitting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise ``InputError`` for arguments that the task does not take: anybody on the broker can send a message."""
        try:
            given = self._signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise InputError(ErrorCode.PARAMETER_INVALID, f"{self.name}: {error}"[:LONGEST_DETAIL]) from None
        for name, value in given.arguments.items():
            if not isinstance(value, self._kinds.get(name, object)):
                raise InputError(ErrorCode.PARAMETER_INVALID, f"{name}: {type(value).__name__} is not taken here.")
            if isinstance(value, str) and not value.isprintable():
                raise InputError(ErrorCode.PARAMETER_INVALID, f"{name}: an id is of printable characters.")

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.run.__func__)

    @cached_property
    def _kinds(self) -> dict[str, Any]:
        """What each parameter may be, where it says more than ``Any``."""
        return {name: kind for name, kind in get_type_hints(self.run).items() if kind is not Any}

    def _guarded(self, /, *args: Any, **kwargs: Any) -> Any:
        # MemoryError and SystemExit wedge or end a worker of Celery 5.7; here they are failures like any other.
        try:
            self._require_fitting(args, kwargs)
            return self.run(*args, **kwargs)
        except _OUTCOMES as error:
            let_go(error)
            raise
        except BaseException as error:
            translated = translate(error)
            log.exception("task.raised", code=translated.code)
            let_go(error)
            raise translated from error


def let_go(error: BaseException | None) -> None:
    """Empty the frames that an error and its causes came through.

    Celery ties an error to its own frames in a circle, which only a full turn of the garbage collector frees: until
    then each failed task would keep its pictures, a hundred megabytes or more.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
