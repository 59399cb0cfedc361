"""OpenAI's images API: generations, edits, models."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api import jobs
from api.access import Caller
from api.documentation import request_body, schema_of
from api.gateway import ConnectedDep, Gateway, GatewayDep
from api.idempotency import IdempotencyDep
from api.openai import asking, models, serving
from api.openai.asking import Order
from api.openai.documentation import responses
from api.openai.events import Following
from api.openai.models import Model, Models
from api.openai.schemas import EditRequest, GenerationRequest, ImagesAnswer
from api.permissions import LookingDep, SubmittingDep, count
from api.rates import Traffic
from tasks.errors import ErrorCode

router = APIRouter(tags=["openai"])

_REFUSED = (
    ErrorCode.PARAMETER_INVALID,
    ErrorCode.MODEL_NOT_FOUND,
    ErrorCode.ENGINE_UNSUPPORTED,
    ErrorCode.JSON_INVALID,
    ErrorCode.BODY_TOO_LARGE,
    ErrorCode.MEDIA_TYPE_UNSUPPORTED,
    ErrorCode.IDEMPOTENCY_KEY_INVALID,
    ErrorCode.IDEMPOTENCY_CONFLICT,
    ErrorCode.TOO_MANY_JOBS,
    ErrorCode.QUEUE_FULL,
    ErrorCode.BROKER_UNAVAILABLE,
    ErrorCode.STORE_UNAVAILABLE,
)
_IMAGES_REFUSED = (
    ErrorCode.IMAGE_INVALID,
    ErrorCode.IMAGE_TRUNCATED,
    ErrorCode.IMAGE_FORMAT_UNSUPPORTED,
    ErrorCode.IMAGE_TOO_LARGE,
    ErrorCode.IMAGE_MISSING,
    ErrorCode.IMAGE_UNKNOWN,
    ErrorCode.BASE64_INVALID,
    ErrorCode.MASK_MISSING,
    ErrorCode.MASK_MISMATCH,
    ErrorCode.MASK_EMPTY,
    ErrorCode.REFERENCE_MISSING,
)
_FAILED = (
    ErrorCode.JOB_CANCELLED,
    ErrorCode.WAIT_EXPIRED,
    ErrorCode.WORKER_LOST,
    ErrorCode.TIME_LIMIT,
    ErrorCode.OUT_OF_MEMORY,
    ErrorCode.ENGINE_FAILED,
)
_EVENTS: dict[str, Any] = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'event: image_edit.completed\ndata: {"type": "image_edit.completed", "b64_json": "…"}\n\n',
    }
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The pictures; with `stream`, server-sent events.", "content": _EVENTS}
}


@router.post(
    "/images/generations",
    operation_id="openai_generate_images",
    summary="Generate images (OpenAI)",
    response_model=ImagesAnswer,
    openapi_extra=request_body(schema_of(GenerationRequest), files=()),
    responses={**_ANSWER, **responses(*_REFUSED, *_FAILED)},
)
async def generate_images(
    request: Request, gateway: ConnectedDep, caller: SubmittingDep, key: IdempotencyDep
) -> Response:
    """Make pictures of a prompt and wait for them, as `client.images.generate` of OpenAI's packages asks for it."""
    body = await gateway.bodies.read(request)
    order = await asking.generation(gateway, body.fields)
    return await _carried_out(request, gateway, order, caller, key, "image_generation")


@router.post(
    "/images/edits",
    operation_id="openai_edit_image",
    summary="Edit an image (OpenAI)",
    response_model=ImagesAnswer,
    openapi_extra=request_body(schema_of(EditRequest), files=("image", "mask")),
    responses={**_ANSWER, **responses(*_REFUSED, *_IMAGES_REFUSED, *_FAILED)},
)
async def edit_image(request: Request, gateway: ConnectedDep, caller: SubmittingDep, key: IdempotencyDep) -> Response:
    """Edit a photo and wait for it, as `client.images.edit` of OpenAI's packages asks for it.

    The model says what to do. With `darkroom` the images do: a photo and a mask are a removal, a second image is the
    object of an insertion. Transparent areas of the mask may change; all other pixels stay as they are.
    """
    body = await gateway.bodies.read(request)
    order = await asking.edit(gateway, body.fields, caller.owner)
    return await _carried_out(request, gateway, order, caller, key, "image_edit")


@router.get(
    "/models",
    operation_id="openai_list_models",
    summary="List models (OpenAI)",
    responses=responses(),
)
async def list_models(gateway: GatewayDep, _: LookingDep) -> Models:
    """Return the models that this gateway's engine serves; each names an operation."""
    return Models(data=[Model(id=name) for name in models.served_by(gateway.settings.generation_engine)])


@router.get(
    "/models/{model}",
    operation_id="openai_get_model",
    summary="Look at a model (OpenAI)",
    responses=responses(ErrorCode.MODEL_NOT_FOUND),
)
async def get_model(model: str, gateway: GatewayDep, _: LookingDep) -> Model:
    """Return a model that this gateway's engine serves."""
    return Model(id=models.found(model, models.served_by(gateway.settings.generation_engine)))


async def _carried_out(
    request: Request, gateway: Gateway, order: Order, caller: Caller, key: str | None, kind: str
) -> Response:
    further = len(order.asked.edits) - 1
    if further:
        await count(request, gateway, caller, Traffic.EDITS, cost=further)
    ids = await serving.submitted(gateway, order, caller, key)
    if order.stream:
        return serving.JobStream(gateway, Following(ids[0], kind, order.form, order.previews), caller.owner, key)
    answer = await jobs.unless_disconnected(request, serving.answered(request, gateway, order, ids, caller))
    if answer is None and key is None:
        await serving.dropped(gateway, ids, caller.owner)
    return answer or Response(status_code=499)
