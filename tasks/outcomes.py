"""How work ends, and the one line that says so: of each task where it ran, of each job where its end was written.

::

    task.done, task.failed, task.put_down     seconds, queued_seconds
    job.done, job.failed, job.cancelled       seconds from its submission, attempts

A line has ids, codes and figures: no prompt, no sentence of an error, nothing of a picture.
"""

from typing import Any

import structlog
from celery.exceptions import Ignore

from tasks import ledger, tracing
from tasks.errors import UnavailableError
from tasks.jobs import Job, State
from tasks.ledger import Ledger
from tasks.messages import REQUEST_ID

log = structlog.get_logger(__name__)

_EVENTS = {State.DONE: "job.done", State.ERROR: "job.failed", State.CANCELLED: "job.cancelled"}


class HandedOn(Ignore):
    """Raised at the end of a task that has done its work, where another message carries its job on."""


class PutDown(Ignore):
    """Raised by a task that does nothing, or nothing more; its argument says why in a few words."""


def tell_end(book: Ledger, job_id: str) -> Job | None:
    """Log how a job has ended, or that it was set back; for whoever has just written that. Return its record."""
    try:
        read = book.apply(ledger.read(job_id))
    except UnavailableError as error:
        log.warning("job.end_not_told", job_id=job_id, reason=error.detail)
        return None
    if read is None:
        return None
    log_end(read[0])
    return read[0]


def log_end(job: Job) -> None:
    """Write the line about a job's end."""
    event = _EVENTS.get(job.state, "job.set_back")
    write = log.warning if job.state is State.ERROR else log.info
    write(event, **_fields(job))


def _fields(job: Job) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "job_id": job.id,
        REQUEST_ID: job.request_id,
        **tracing.log_fields(job.traceparent),
        "operation": job.edit.operation,
        "attempts": job.attempts,
    }
    if job.failure is not None:
        fields["code"] = job.failure.code
    if job.finished_at is not None:
        fields["seconds"] = round(job.finished_at - job.created_at, 4)
    if job.result is not None:
        fields["stages"] = job.result.get("stages")
    return fields
