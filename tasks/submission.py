"""How an edit becomes a job: the same for the gateway, for Python clients and for ``task.delay``."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from tasks import ledger, messages
from tasks.app import app
from tasks.engines import require_support
from tasks.idempotency import Idempotency
from tasks.jobs import Edit, Job, Operation, Stage
from tasks.ledger import SERVED_BY, Move, Receipt
from tasks.queues import Priority, Queue, list_key
from tasks.settings import settings
from tasks.tracing import TRACEPARENT

OPENING_TASK: Mapping[Operation, str] = {
    Operation.REMOVAL: "tasks.workflows.removal",
    Operation.INSERTION: "tasks.workflows.insertion",
    Operation.WHITE_BALANCE: "tasks.workflows.white_balance",
    Operation.TEXT_TO_IMAGE: "tasks.workflows.text_to_image",
}
BODY_TASK = "tasks.generation.generate"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message and the list that it belongs on."""

    list_key: str
    message: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A job about to be: apply the move and it exists, with its message."""

    job_id: str
    edit: Edit
    move: Move[Receipt]


def prepare(
    edit: Edit,
    *,
    owner: str,
    priority: Priority = Priority.INTERACTIVE,
    request_id: str = "",
    traceparent: str = "",
    job_id: str | None = None,
    webhook: str = "",
    open_limit: int = 0,
    idempotency: Idempotency | None = None,
) -> Submission:
    """Return the submission of an edit; a missing seed is drawn from the id: a second run gives the same picture.

    ``traceparent``, ``webhook``, ``open_limit`` and ``idempotency`` as in ``ledger.submit``.

    Raises ``InputError`` (engine_unsupported) if the deployment's engine cannot do the operation.
    """
    require_support(settings().generation_engine, edit.operation)
    job_id = job_id or ledger.new_job_id()
    if edit.seed is None:
        edit = edit.model_copy(update={"seed": int(hashlib.sha256(job_id.encode()).hexdigest()[:8], 16)})
    envelope = opening_message(job_id, edit.operation, priority, request_id, traceparent)
    move = ledger.submit(
        job_id,
        edit,
        message=envelope.message,
        list_key=envelope.list_key,
        owner=owner,
        priority=priority,
        request_id=request_id,
        traceparent=traceparent,
        webhook=webhook,
        open_limit=open_limit,
        idempotency=idempotency,
    )
    return Submission(job_id, edit, move)


def opening_message(
    job_id: str,
    operation: Operation,
    priority: Priority,
    request_id: str,
    traceparent: str = "",
    *,
    since: float | None = None,
) -> Envelope:
    """Return the message that opens a job; ``since`` as in ``returned``."""
    message = messages.build(
        app,
        OPENING_TASK[operation],
        task_id=job_id,
        queue=Queue.IMAGE_UTILS,
        priority=priority,
        headers={messages.OPERATION: operation, **_headers(request_id, traceparent, since)},
    )
    return Envelope(list_key(Queue.IMAGE_UTILS, priority), message)


def body_message(job: Job, *, since: float | None = None) -> Envelope:
    """Return the message that has a prepared job computed; ``since`` as in ``returned``."""
    queue = SERVED_BY[job.edit.operation]
    message = messages.build(
        app,
        BODY_TASK,
        task_id=job.id,
        args=[job.id],
        queue=queue,
        priority=job.priority,
        headers={messages.OPERATION: job.edit.operation, **_headers(job.request_id, job.traceparent, since)},
    )
    return Envelope(list_key(queue, job.priority), message)


def returned(job: Job) -> Envelope:
    """Return the message that carries a job on from where it is, for the front of its list.

    A job whose parts were lost opens again. The message says that it has been there since the job was made, as the
    sweeper takes a list's first message for its oldest.
    """
    if job.stage is Stage.BODY:
        return body_message(job, since=job.created_at)
    since = job.created_at
    return opening_message(job.id, job.edit.operation, job.priority, job.request_id, job.traceparent, since=since)


def origin(job: Job) -> dict[str, str]:
    """Return the headers of a message about a job that tell of the request which it came from."""
    return _origin(job.request_id, job.traceparent)


def _headers(request_id: str, traceparent: str, since: float | None) -> dict[str, str | float]:
    stamp: dict[str, str | float] = {} if since is None else {messages.ENQUEUED_AT: since}
    return {**_origin(request_id, traceparent), **stamp}


def _origin(request_id: str, traceparent: str) -> dict[str, str]:
    return {messages.REQUEST_ID: request_id, **({TRACEPARENT: traceparent} if traceparent else {})}
