"""Edits: submit, follow, cancel, fetch."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.sse import EventSourceResponse

from api import jobs, streams
from api.documentation import event_stream, image_response, request_body, schema_of
from api.gateway import ConnectedDep, Gateway
from api.idempotency import IdempotencyDep
from api.negotiation import choose
from api.permissions import EditingDep, ManagingDep, ReadingDep
from api.problems import responses
from api.rendering import image_headers, json_response, not_modified
from api.schemas import Accepted, Cancelled, GenerateRequest, Result
from api.status import EXAMPLE as STATUS_EXAMPLE, JobStatus, status_of
from api.waiting import Waiter
from tasks.errors import ErrorCode, InputError
from tasks.imaging.probe import Format
from tasks.jobs import Job, State
from tasks.ledger import Receipt, Submitted

router = APIRouter(prefix="/generate", tags=["generate"])

FILES = ("input_image", "mask", "reference_image", "reference_mask")
BODY = request_body(schema_of(GenerateRequest), files=FILES)
RESULT_FORMATS = (Format.WEBP, Format.PNG, Format.JPEG)

_REFUSED = (
    ErrorCode.IMAGE_INVALID,
    ErrorCode.IMAGE_TRUNCATED,
    ErrorCode.IMAGE_FORMAT_UNSUPPORTED,
    ErrorCode.IMAGE_TOO_LARGE,
    ErrorCode.IMAGE_MISSING,
    ErrorCode.BASE64_INVALID,
    ErrorCode.MASK_MISSING,
    ErrorCode.MASK_MISMATCH,
    ErrorCode.REFERENCE_MISSING,
    ErrorCode.PARAMETER_INVALID,
    ErrorCode.ENGINE_UNSUPPORTED,
    ErrorCode.WEBHOOK_REFUSED,
    ErrorCode.JSON_INVALID,
    ErrorCode.BODY_TOO_LARGE,
    ErrorCode.MEDIA_TYPE_UNSUPPORTED,
    ErrorCode.IMAGE_UNKNOWN,
    ErrorCode.IDEMPOTENCY_KEY_INVALID,
    ErrorCode.IDEMPOTENCY_CONFLICT,
    ErrorCode.TOO_MANY_JOBS,
    ErrorCode.QUEUE_FULL,
    ErrorCode.BROKER_UNAVAILABLE,
    ErrorCode.STORE_UNAVAILABLE,
)
_FAILED = (
    ErrorCode.MASK_EMPTY,
    ErrorCode.JOB_CANCELLED,
    ErrorCode.WORKER_LOST,
    ErrorCode.TIME_LIMIT,
    ErrorCode.OUT_OF_MEMORY,
    ErrorCode.ENGINE_FAILED,
)
_READ = (ErrorCode.JOB_UNKNOWN, ErrorCode.BROKER_UNAVAILABLE)


@router.post(
    "",
    operation_id="generate",
    summary="Edit a photo and wait for the result",
    response_model=Result,
    openapi_extra=BODY,
    responses={
        202: {
            "model": Accepted,
            "description": "The job goes on; follow it at status_url.",
            "headers": {"Location": {"description": "Where its status is.", "schema": {"type": "string"}}},
        },
        **responses(*_REFUSED, *_FAILED),
    },
)
async def generate(request: Request, gateway: ConnectedDep, owner: EditingDep, key: IdempotencyDep) -> Response:
    """Submit an edit and hold the line until it is done.

    Past the wait limit the answer is 202 with the job's id, and the job goes on. A client that leaves before that
    cancels its job, as nobody could ask for its result; with an Idempotency-Key he can, and the job goes on.
    """
    job_id = (await jobs.submit(gateway, await jobs.admit(request, gateway, owner, key))).job_id
    with gateway.waiters.watch(job_id) as waiter:
        answer = await jobs.unless_disconnected(request, _answer(gateway, job_id, waiter))
    if answer is None and key is None:
        await jobs.cancel(gateway, job_id, owner)
    return answer or Response(status_code=499)


@router.post(
    "/async",
    operation_id="generate_async",
    summary="Submit an edit",
    openapi_extra=BODY,
    responses=responses(*_REFUSED),
)
async def generate_async(
    request: Request, response: Response, gateway: ConnectedDep, owner: EditingDep, key: IdempotencyDep
) -> Accepted:
    """Submit an edit and return its job's id at once.

    From this answer on the job is not lost: its inputs are in durable storage, its record and its message were
    written in one transaction. Whoever does not get the answer sends the same again with the same Idempotency-Key.
    """
    receipt = await jobs.submit(gateway, await jobs.admit(request, gateway, owner, key))
    accepted = await _accepted(gateway, receipt, owner)
    response.headers["Location"] = accepted.status_url
    return accepted


@router.get(
    "/status/{job_id}",
    operation_id="generate_status",
    summary="Where is my job?",
    responses=responses(*_READ),
)
async def status(job_id: str, response: Response, gateway: ConnectedDep, owner: ReadingDep) -> JobStatus:
    """Return a job's state, progress, place in the queue and estimate. To follow a job, use its stream."""
    response.headers["Cache-Control"] = "no-store"
    snapshot = await jobs.find(gateway, job_id, owner)
    return status_of(snapshot.job, await gateway.pools.overview())


@router.get(
    "/result/{job_id}",
    operation_id="generate_result",
    summary="What came out?",
    response_model=Result,
    responses=responses(
        *_READ, ErrorCode.RESULT_NOT_READY, *_FAILED, ErrorCode.IMAGE_UNKNOWN, ErrorCode.STORE_UNAVAILABLE
    ),
)
async def result(job_id: str, gateway: ConnectedDep, owner: ReadingDep) -> Response:
    """Return the result with its picture as base64. A job that failed answers with its own error."""
    snapshot = await jobs.find(gateway, job_id, owner)
    return await json_response(await jobs.result_of(gateway, snapshot.job))


@router.get(
    "/result-image/{job_id}",
    operation_id="generate_result_image",
    summary="The picture itself",
    response_class=Response,
    responses={
        200: image_response(
            "The picture in the format that Accept prefers; `*/*` gets it as it is stored.",
            headers={"ETag": "Names these bytes; send it as If-None-Match."},
        ),
        304: {"description": "The client has it already."},
        **responses(
            *_READ,
            ErrorCode.RESULT_NOT_READY,
            *_FAILED,
            ErrorCode.NOT_ACCEPTABLE,
            ErrorCode.WAIT_EXPIRED,
            ErrorCode.IMAGE_UNKNOWN,
            ErrorCode.STORE_UNAVAILABLE,
        ),
    },
)
async def result_image(
    job_id: str,
    request: Request,
    gateway: ConnectedDep,
    owner: ReadingDep,
    accept: Annotated[str, Header(examples=["image/webp, image/png;q=0.8"])] = "*/*",
) -> Response:
    """Return the picture's bytes, as WebP, PNG or JPEG by the Accept header."""
    snapshot = await jobs.find(gateway, job_id, owner)
    return await _picture(request, gateway, snapshot.job, accept)


@router.get(
    "/stream/{job_id}",
    operation_id="generate_stream",
    summary="Follow a job",
    response_class=Response,
    responses={
        200: event_stream(
            "Server-sent events: `data:` a status object, `id:` its place.",
            JobStatus,
            f"data: {JobStatus(**STATUS_EXAMPLE).model_dump_json()}\nid: 1764-0\n\n",
        ),
        204: {"description": "The job has ended and Last-Event-ID is its last event: stop coming back."},
        **responses(*_READ),
    },
)
async def stream(
    job_id: str,
    gateway: ConnectedDep,
    owner: ReadingDep,
    last_event_id: Annotated[str | None, Header(examples=["1764000000000-0"])] = None,
) -> Response:
    """Send each change of a job as it happens, from its first one or from after Last-Event-ID.

    The last event is always a final one (done, error or cancelled). Comments keep an idle connection open.
    """
    snapshot = await jobs.find(gateway, job_id, owner)
    after = streams.position(last_event_id)
    if streams.has_all(snapshot, after):
        return Response(status_code=204)
    return EventSourceResponse(
        streams.follow(gateway, job_id, owner, after),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post(
    "/async/cancel/{job_id}",
    operation_id="generate_cancel",
    summary="Cancel a job",
    responses=responses(*_READ),
)
async def cancel(job_id: str, gateway: ConnectedDep, owner: ManagingDep) -> Cancelled:
    """Cancel a job in any state; a worker that has it stops within one step. A job that has ended stays as it is."""
    return _cancelled(job_id, await jobs.cancel(gateway, job_id, owner))


@router.delete("/{job_id}", operation_id="generate_delete", summary="Cancel a job", responses=responses(*_READ))
async def delete(job_id: str, gateway: ConnectedDep, owner: ManagingDep) -> Cancelled:
    """Do the same as POST /api/generate/async/cancel/{job_id}."""
    return _cancelled(job_id, await jobs.cancel(gateway, job_id, owner))


async def _accepted(gateway: Gateway, receipt: Receipt, owner: str) -> Accepted:
    if receipt.answer is Submitted.CREATED:
        return Accepted.of(receipt.job_id, State.QUEUED, "The edit is queued.")
    known = await jobs.find(gateway, receipt.job_id, owner)
    return Accepted.of(receipt.job_id, known.job.state, "The edit was accepted before, under this Idempotency-Key.")


async def _answer(gateway: Gateway, job_id: str, waiter: Waiter) -> Response:
    job = await jobs.wait(gateway, job_id, waiter, gateway.settings.sync_wait_seconds)
    if job is not None:
        return await json_response(await jobs.result_of(gateway, job))
    accepted = Accepted.of(job_id, State.QUEUED, "The edit takes longer; follow it at status_url.")
    return Response(
        accepted.model_dump_json(),
        status_code=202,
        headers={"Location": accepted.status_url},
        media_type="application/json",
    )


async def _picture(request: Request, gateway: Gateway, job: Job, accept: str) -> Response:
    if job.error is not None:
        raise job.error
    stored = await gateway.images.metadata((job.result or {})["image_id"], owner=job.owner)
    wanted = _chosen(accept, stored.format)
    headers = {**image_headers(f"{stored.id}-{wanted}"), "Vary": "Accept"}
    cached = not_modified(request, headers)
    if cached is not None:
        return cached
    image_id = stored.id
    if wanted != stored.format:
        image_id = await gateway.conversions.convert(stored.id, wanted, owner=job.owner)
    return Response(await gateway.images.show(image_id), headers=headers, media_type=wanted.media_type)


def _chosen(accept: str, stored: Format) -> Format:
    offers = {each.media_type: each for each in (stored, *RESULT_FORMATS)}
    chosen = choose(accept, list(offers))
    if chosen is None:
        raise InputError(ErrorCode.NOT_ACCEPTABLE, f"The result can be had as {', '.join(offers)}.")
    return offers[chosen]


def _cancelled(job_id: str, state: State) -> Cancelled:
    message = "The job is cancelled." if state is State.CANCELLED else f"The job had ended before: {state}."
    return Cancelled(task_id=job_id, status=state, message=message)
