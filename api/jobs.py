"""Jobs as the gateway handles them: check, store, submit, wait, tell how it ended."""

import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import structlog
from fastapi import Request

from api.gateway import Gateway
from api.idempotency import is_known, promise
from api.inputs import Picture
from api.rendering import base64_of
from api.schemas import EDIT_NAMES, Result, edit_of, generate_request
from api.waiting import Waiter, unless
from api.webhooks import require_allowed
from tasks import ledger
from tasks.app import app as celery
from tasks.engines import require_support
from tasks.errors import ErrorCode, NotFoundError, UnavailableError
from tasks.jobs import Edit, Job, MaskArea, State
from tasks.ledger import Receipt
from tasks.messages import REQUEST_ID
from tasks.outcomes import log_end
from tasks.queues import Queue
from tasks.submission import Submission, prepare
from tasks.tracing import Kind, carried

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job at one moment, and the id of its last event until then."""

    job: Job
    last_event: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Edits of one request, of the same images."""

    edits: tuple[Edit, ...]
    pictures: Mapping[str, Picture]
    """By what an ``Edit`` calls them."""
    meaning: tuple[object, ...]
    """JSON of all that makes up the request: a repetition under the same key has the same."""


async def admit(request: Request, gateway: Gateway, owner: str, key: str | None) -> Submission:
    """Check a request, store its images durably, and return the job that it asks for; no queue is touched.

    Raises ``InputError``, ``NotFoundError``, ``ConflictError`` (idempotency_conflict) or ``UnavailableError``.
    """
    body = await gateway.bodies.read(request)
    wanted = generate_request(body.fields)
    require_allowed(wanted.webhook_url, gateway.settings.webhook_networks)
    require_support(gateway.settings.generation_engine, wanted.operation())
    pictures = await gateway.bodies.pictures(wanted.images(), owner=owner)
    edit = edit_of(wanted, pictures)
    meaning = {**edit.model_dump(mode="json"), "webhook_url": wanted.webhook_url}
    asked = Asked((edit,), {EDIT_NAMES[field]: picture for field, picture in pictures.items()}, ("edit", meaning))
    (submission,) = await admit_edits(gateway, asked, owner=owner, key=key, webhook=wanted.webhook_url or "")
    return submission


async def admit_edits(
    gateway: Gateway, asked: Asked, *, owner: str, key: str | None, webhook: str = ""
) -> list[Submission]:
    """Check what is known of edits without their pixels, store their images durably, and return their jobs.

    One key stands for all of them. Errors as ``admit``.
    """
    pictures = asked.pictures
    for photo, mask in (("photo", "mask"), ("reference", "reference_mask")):
        if photo in pictures and mask in pictures:
            area = asked.edits[0].mask_area if mask == "mask" else MaskArea.WHITE
            await gateway.bodies.require_mask(pictures[mask], pictures[photo], area)
    promises = [promise(_key_of(key, index), owner, *asked.meaning) for index in range(len(asked.edits))]
    if not await is_known(gateway, promises[0]):
        await gateway.pools.admit(Queue.GENERATION)
    await gateway.bodies.keep(list(pictures.values()), owner=owner, durable=True)
    return [
        prepare(
            edit,
            owner=owner,
            request_id=structlog.contextvars.get_contextvars().get(REQUEST_ID, ""),
            traceparent=carried(),
            webhook=webhook,
            open_limit=gateway.settings.max_open_jobs_per_owner if gateway.access.asks_for_keys else 0,
            idempotency=promised,
        )
        for edit, promised in zip(asked.edits, promises, strict=True)
    ]


def _key_of(key: str | None, index: int) -> str | None:
    # A client's key has no space: it cannot name one of several edits that another request of theirs made.
    return key if key is None or index == 0 else f"{key} {index}"


async def submit(gateway: Gateway, submission: Submission) -> Receipt:
    """Make the job exist, unless it did before.

    Raises ``ConflictError`` (idempotency_conflict), ``LimitError`` (too_many_jobs) or ``UnavailableError``.
    """
    named = {"darkroom.operation": submission.edit.operation, "darkroom.job_id": submission.job_id}
    with celery.tracing.span("submit", kind=Kind.PRODUCER, attributes=named):
        receipt = await gateway.ledger.apply(submission.move)
        job_id = receipt.accepted()
    # Until the request ends, its own line included.
    structlog.contextvars.bind_contextvars(job_id=job_id)
    log.info("job.accepted", answer=receipt.answer, operation=submission.edit.operation)
    return receipt


async def find(gateway: Gateway, job_id: str, owner: str) -> Snapshot:
    """Return an owner's job. Raises ``NotFoundError`` (job_unknown), also for a job of somebody else."""
    read = await gateway.ledger.apply(ledger.read(job_id))
    if read is None or read[0].owner != owner:
        raise NotFoundError(ErrorCode.JOB_UNKNOWN, f"There is no job {job_id[:64]}; its record may have expired.")
    return Snapshot(*read)


async def cancel(gateway: Gateway, job_id: str, owner: str) -> State:
    """Cancel an owner's job and return its final state. Raises ``NotFoundError`` (job_unknown)."""
    before = (await find(gateway, job_id, owner)).job
    state = await gateway.ledger.apply(ledger.cancel(job_id)) or State.CANCELLED
    log.info("job.cancel", job_id=job_id, state=state)
    if state is State.CANCELLED and not before.state.is_final:
        log_end((await find(gateway, job_id, owner)).job)
    return state


async def wait(gateway: Gateway, job_id: str, waiter: Waiter, seconds: float) -> Job | None:
    """Wait until a job has ended; None if it has not by the limit, the server stops, or the broker stays away."""
    # A deadline and not asyncio.timeout: a cancel that hits a command of redis-py can come out as another error.
    deadline = time.monotonic() + seconds
    while not (gateway.waiters.stopping or gateway.waiters.is_away):
        job = await read(gateway, job_id)
        if job is not None and job.state.is_final:
            return job
        left = deadline - time.monotonic()
        if left <= 0:
            break
        await waiter.wait(min(left, gateway.settings.reread_seconds))
    return None


async def read(gateway: Gateway, job_id: str) -> Job | None:
    """Return a job as it is now; None while that cannot be told."""
    try:
        read = await gateway.ledger.apply(ledger.read(job_id))
    except UnavailableError:
        # The job is accepted; a broker that restarts is waited for.
        return None
    return read[0] if read else None


async def unless_disconnected(request: Request, work: Awaitable[T]) -> T | None:
    """Return what the work returns; None, and the work is cancelled, if the client leaves first."""
    return await unless(_disconnect(request), work)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def result_of(gateway: Gateway, job: Job) -> Result:
    """Return a job's result with its picture. Raises the error in its place, or of the store."""
    if job.error is not None:
        raise job.error
    made = job.result or {}
    metadata = await gateway.images.metadata(made["image_id"], owner=job.owner)
    image = await base64_of(await gateway.images.open(metadata.id))
    return Result(**made, task_id=job.id, format=metadata.format, image=image)
