"""The base of every task: no error may end the worker, and a part of a job reports to the job."""

import inspect
import traceback
from functools import cached_property
from typing import Any, Literal, get_type_hints

import structlog
from celery import Task
from celery.exceptions import Ignore, Reject, Retry

from tasks import ledger
from tasks.app import Darkroom
from tasks.errors import DarkroomError, ErrorCode, InputError, Interrupted, translate
from tasks.jobs import Stage
from tasks.ledger import Claimed, Held, Ledger, Token
from tasks.results import CLAIM, part_of
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
        if self.ledger.apply(ledger.enter(chord, role)) is not Held.YES:
            log.info("part.dropped", job_id=chord.job_id, role=role)
            return None
        made = self._guarded(*args, **kwargs)
        self.ledger.apply(ledger.part(chord, role, made["image_id"]))
        return made

    def claim(self, job_id: str, stage: Literal[Stage.OPENING, Stage.BODY]) -> Token:
        """Take a job for this task; what the task returns or raises ends the job. Raises ``Ignore`` if refused."""
        token = ledger.new_token(job_id)
        claimed = self.ledger.apply(ledger.claim(token, stage, str(self.request.hostname)))
        if claimed is not Claimed.CLAIMED:
            log.info("job.not_claimed", job_id=job_id, stage=stage, reason=claimed)
            raise Ignore
        setattr(self.request, CLAIM, token)
        return token

    def _require_fitting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise ``InputError`` for arguments that the task does not take: anybody on the broker can send a message."""
        try:
            given = inspect.signature(self.run.__func__).bind(self, *args, **kwargs)
        except TypeError as error:
            raise InputError(ErrorCode.PARAMETER_INVALID, f"{self.name}: {error}"[:LONGEST_DETAIL]) from None
        for name, value in given.arguments.items():
            if not isinstance(value, self._kinds.get(name, object)):
                raise InputError(ErrorCode.PARAMETER_INVALID, f"{name}: {type(value).__name__} is not taken here.")
            if isinstance(value, str) and not value.isprintable():
                raise InputError(ErrorCode.PARAMETER_INVALID, f"{name}: an id is of printable characters.")

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
            log.exception("task.failed", code=translated.code)
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
