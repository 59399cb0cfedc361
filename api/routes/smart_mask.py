"""Smart masks: a click, a box or brush strokes give the mask of what was meant."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.documentation import image_response, query_parameters, request_body, schema_of
from api.gateway import ConnectedDep, Gateway
from api.idempotency import IdempotencyDep, promise, remember
from api.inputs import Picture, fields_of
from api.jobs import unless_disconnected
from api.negotiation import prefers_json
from api.permissions import ComputingDep, ManagingDep
from api.problems import responses
from api.prompts import (
    PROMPTS,
    REQUEST_ID_PATTERN,
    SmartMaskRequest,
    detect_request,
    require_inside,
    smart_mask_request,
)
from api.rendering import base64_of, json_response
from api.schemas import CancelledRequest, SmartMaskAnswer
from api.security import IMAGE_HEADERS
from api.smart_masks import Click, Plan
from tasks.errors import ErrorCode
from tasks.imaging.probe import Format
from tasks.jobs import State
from tasks.options import SmartMaskOptions

router = APIRouter(prefix="/smart-mask", tags=["smart-mask"])

_REFUSED = (
    ErrorCode.IMAGE_INVALID,
    ErrorCode.IMAGE_TRUNCATED,
    ErrorCode.IMAGE_FORMAT_UNSUPPORTED,
    ErrorCode.IMAGE_TOO_LARGE,
    ErrorCode.IMAGE_MISSING,
    ErrorCode.BASE64_INVALID,
    ErrorCode.PARAMETER_INVALID,
    ErrorCode.JSON_INVALID,
    ErrorCode.BODY_TOO_LARGE,
    ErrorCode.MEDIA_TYPE_UNSUPPORTED,
    ErrorCode.NOT_ACCEPTABLE,
    ErrorCode.IMAGE_UNKNOWN,
    ErrorCode.REQUEST_CANCELLED,
    ErrorCode.IDEMPOTENCY_KEY_INVALID,
    ErrorCode.IDEMPOTENCY_CONFLICT,
    ErrorCode.QUEUE_FULL,
    ErrorCode.BROKER_UNAVAILABLE,
    ErrorCode.STORE_UNAVAILABLE,
)
_OF_PROMPTS = (ErrorCode.MASK_EMPTY, ErrorCode.MASK_MISMATCH, ErrorCode.PROMPT_OUTSIDE)
_FAILED = (
    ErrorCode.NOTHING_FOUND,
    ErrorCode.ENGINE_UNSUPPORTED,
    ErrorCode.RESULT_NOT_READY,
    ErrorCode.WAIT_EXPIRED,
    ErrorCode.TIME_LIMIT,
    ErrorCode.OUT_OF_MEMORY,
    ErrorCode.WORKER_LOST,
)
_ANSWER = {
    **image_response(
        "The mask: JSON with base64, or its PNG bytes where Accept prefers an image.",
        (Format.PNG.media_type,),
        headers=dict.fromkeys(IMAGE_HEADERS, "In an answer of bytes."),
    ),
    "model": SmartMaskAnswer,
}
_FILES = ("image", "mask")


def _document(files: tuple[str, ...], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Declare the bodies and the query of a route."""
    schema = schema_of(SmartMaskRequest)
    schema["properties"] = {name: value for name, value in schema["properties"].items() if name not in without}
    schema["example"] = {name: value for name, value in schema["example"].items() if name not in without}
    hint = "Where the body is the photo itself, or none; a list is separated by commas: 10,20,30,40."
    return {**request_body(schema, files=files, raw=True), **query_parameters(schema, hint, without=_FILES)}


@dataclass(frozen=True, slots=True)
class Asking:
    """Who sent a request."""

    owner: str
    key: str | None
    """The client's Idempotency-Key."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose body was read."""

    pictures: dict[str, Picture]
    """Until they are in the store."""
    options: SmartMaskOptions
    request_id: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class Masked:
    """A mask that was made for a click; it is in the store."""

    photo_id: str
    request_id: str
    made: Mapping[str, Any]
    """``tasks.smart_masks.SmartMask``."""
    data: bytes
    """The PNG."""


@router.post(
    "",
    operation_id="smart_mask",
    summary="Mask what is pointed at",
    response_model=SmartMaskAnswer,
    openapi_extra=_document(_FILES),
    responses={200: _ANSWER, **responses(*_REFUSED, *_OF_PROMPTS, *_FAILED)},
)
async def smart_mask(request: Request, gateway: ConnectedDep, owner: ComputingDep, key: IdempotencyDep) -> Response:
    """Return the mask of what points, a box or brush strokes mean; without any, `auto_detect` takes the main object.

    Points have labels: 1 belongs to the object, 0 does not. Coordinates are pixels of the upright photo. The answer
    names the photo (`image_id`), so that later clicks need not send it again, and all that the prompts can mean
    (`candidates`). Beside a prompt `auto_detect` has no effect. A client that leaves cancels its request.
    """
    return await _answer(request, gateway, Asking(owner, key), smart_mask_request)


@router.post(
    "/detect",
    operation_id="smart_mask_detect",
    summary="Mask the main object",
    response_model=SmartMaskAnswer,
    openapi_extra=_document(("image",), without=PROMPTS),
    responses={200: _ANSWER, **responses(*_REFUSED, *_FAILED)},
)
async def smart_mask_detect(
    request: Request, gateway: ConnectedDep, owner: ComputingDep, key: IdempotencyDep
) -> Response:
    """Return the mask of the main object, told by size and place: /api/smart-mask without prompts."""
    return await _answer(request, gateway, Asking(owner, key), detect_request)


@router.post(
    "/cancel/{request_id}",
    operation_id="smart_mask_cancel",
    summary="Cancel a request for a mask",
    responses=responses(ErrorCode.PARAMETER_INVALID, ErrorCode.BROKER_UNAVAILABLE),
)
async def smart_mask_cancel(
    request_id: Annotated[str, Path(pattern=REQUEST_ID_PATTERN)], gateway: ConnectedDep, owner: ManagingDep
) -> CancelledRequest:
    """Cancel the request that was sent with this `request_id`; it answers 409 at once, and its tasks do nothing.

    One that comes only after its cancel is refused. One that had ended stays as it is.
    """
    state = await gateway.cancels.cancel(owner, request_id)
    cancelled = state is State.CANCELLED
    message = "The request is cancelled." if cancelled else f"The request had ended before: {state}."
    return CancelledRequest(request_id=request_id, status=state, message=message)


async def _answer(
    request: Request, gateway: Gateway, asking: Asking, read: Callable[[Mapping[str, Any]], SmartMaskRequest]
) -> Response:
    asked = await _read(request, gateway, asking, read)
    masking = gateway.cancels.run(asking.owner, asked.request_id, partial(_mask, gateway, asking, asked))
    masked = await unless_disconnected(request, masking)
    if masked is None:
        await gateway.cancels.cancel(asking.owner, asked.request_id)
        return Response(status_code=499)
    return await _as_json(masked) if asked.as_json else _as_bytes(masked)


async def _read(
    request: Request, gateway: Gateway, asking: Asking, read: Callable[[Mapping[str, Any]], SmartMaskRequest]
) -> Asked:
    body = await gateway.bodies.read(request, raw_field="image")
    accept = request.headers.get("accept", "*/*")
    as_json = prefers_json(accept, (Format.PNG.media_type,), by_default=True)
    wanted = read(fields_of(body, request.query_params, SmartMaskRequest))
    pictures = await gateway.bodies.pictures(wanted.images(), owner=asking.owner)
    return Asked(pictures, wanted.options(), wanted.request_id or str(uuid.uuid4()), as_json)


async def _mask(gateway: Gateway, asking: Asking, asked: Asked) -> Masked:
    click, plan = await _admit(gateway, asking, asked)
    made = await gateway.smart_masks.find(click, plan)
    return Masked(click.photo_id, click.request_id, made, await gateway.images.open(made["image_id"]))


async def _admit(gateway: Gateway, asking: Asking, asked: Asked) -> tuple[Click, Plan]:
    photo, guidance = asked.pictures["image"], asked.pictures.get("mask")
    require_inside(asked.options, photo.width, photo.height)
    if guidance is not None:
        await gateway.bodies.require_mask(guidance, photo)
    ids = {name: picture.id for name, picture in asked.pictures.items()}
    await remember(gateway, promise(asking.key, asking.owner, "smart_mask", ids, asked.options.model_dump(mode="json")))
    click = Click(photo.id, guidance.id if guidance else None, asked.options, asking.owner, asked.request_id)
    plan = await gateway.smart_masks.admit(click)
    await gateway.bodies.keep(list(asked.pictures.values()), owner=asking.owner, durable=False)
    asked.pictures.clear()  # the mask may take long, and they are large
    return click, plan


async def _as_json(masked: Masked) -> Response:
    answer = SmartMaskAnswer(
        mask_base64=await base64_of(masked.data),
        mask_id=masked.made["image_id"],
        image_id=masked.photo_id,
        request_id=masked.request_id,
        **{name: value for name, value in masked.made.items() if name != "image_id"},
    )
    return await json_response(answer, with_nulls=True)


def _as_bytes(masked: Masked) -> Response:
    ids = (masked.photo_id, masked.made["image_id"], masked.request_id)
    headers = {**dict(zip(IMAGE_HEADERS, ids, strict=True)), "Cache-Control": "no-store"}
    return Response(masked.data, headers=headers, media_type=Format.PNG.media_type)
