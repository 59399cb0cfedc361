"""Image utilities: one table, one way to ask and to answer.

A request brings its picture as JSON (base64, data URL or id), as the body itself with its parameters in the query,
or as a form. The answer is JSON to JSON, the bytes otherwise, unless Accept says the other.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.documentation import image_response, query_parameters, request_body, schema_of
from api.gateway import ConnectedDep, Gateway
from api.idempotency import IdempotencyDep, promise, remember
from api.inputs import ImageInput, fields_of, require_box_inside
from api.negotiation import prefers_json
from api.permissions import ComputingDep
from api.problems import FieldError, FieldsError, responses
from api.rendering import base64_of, json_response
from api.schemas import EXAMPLE_BASE64, IMAGE_SCHEMA, Image, MadeImage, parse
from api.utilities import Made
from tasks.errors import ErrorCode, InputError
from tasks.options import (
    CannyOptions,
    CropOptions,
    EncodeOptions,
    ExtractOptions,
    MaeOptions,
    Options,
    OutputFormat,
    ResizeOptions,
    ShadowOptions,
)
from tasks.queues import Queue

router = APIRouter(prefix="/image-utils", tags=["image-utils"])

MEDIA_TYPES = tuple(each.media_type for each in OutputFormat)


@dataclass(frozen=True, slots=True)
class Utility:
    """One utility as a route."""

    task: str
    options: type[Options]
    summary: str
    description: str
    example: Mapping[str, Any]
    takes_mask: bool = False
    needs_mask: bool = False
    image_alias: str | None = None
    """Another name of the field ``image``."""
    answer_alias: str | None = None
    """The name under which today's frontend reads the picture."""
    errors: tuple[ErrorCode, ...] = ()

    @property
    def path(self) -> str:
        """Its place below /api/image-utils."""
        return "/" + self.task.replace("_", "-")


_OF_MASK = (ErrorCode.MASK_MISSING, ErrorCode.MASK_EMPTY, ErrorCode.MASK_MISMATCH)

UTILITIES = (
    Utility(
        "resize",
        ResizeOptions,
        "Scale a photo",
        "Fit a photo into `width` × `height`: `inside` (default), `cover`, `pad` or `exact`. It is not enlarged "
        "unless `upscale` says so.",
        {"width": 512, "format": "jpeg"},
    ),
    Utility(
        "crop",
        CropOptions,
        "Cut a photo",
        "Cut a photo to `box` [x0, y0, x1, y1] in pixels, or to an `aspect` [width, height] around its centre.",
        {"box": [10, 10, 210, 160]},
        errors=(ErrorCode.CROP_OUTSIDE,),
    ),
    Utility(
        "encode",
        EncodeOptions,
        "Write a photo in another format",
        "PNG, JPEG, WebP or AVIF; with `max_bytes` the best quality that fits is found.",
        {"format": "webp", "max_bytes": 100_000},
        errors=(ErrorCode.SIZE_UNREACHABLE,),
    ),
    Utility(
        "extract_object",
        ExtractOptions,
        "Cut out an object",
        "Put the object under the mask (without one, the main object) on the middle of a 512 or 1024 square.",
        {"background": "white"},
        takes_mask=True,
        answer_alias="extracted_image",
        errors=_OF_MASK[1:],
    ),
    Utility(
        "mae",
        MaeOptions,
        "Preview a removal",
        "Fill the masked area from its surroundings; a brush mask is widened first.",
        {"mask_tool_type": "brush"},
        takes_mask=True,
        needs_mask=True,
        errors=_OF_MASK,
    ),
    Utility(
        "canny",
        CannyOptions,
        "Draw the edges",
        "White edges on black; without `low` and `high` the thresholds follow the photo's median.",
        {"low": 80, "high": 160},
    ),
    Utility(
        "add_shadow_preview",
        ShadowOptions,
        "Preview an object with a shadow",
        "Put an extracted object with a soft shadow on light grey.",
        {"opacity": 0.4},
        takes_mask=True,
        image_alias="extracted_image",
        answer_alias="preview_image",
        errors=_OF_MASK[1:],
    ),
)

_COMMON = (
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
    ErrorCode.IDEMPOTENCY_KEY_INVALID,
    ErrorCode.IDEMPOTENCY_CONFLICT,
    ErrorCode.QUEUE_FULL,
    ErrorCode.WAIT_EXPIRED,
    ErrorCode.BROKER_UNAVAILABLE,
    ErrorCode.STORE_UNAVAILABLE,
    ErrorCode.TIME_LIMIT,
    ErrorCode.OUT_OF_MEMORY,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a utility, checked."""

    images: dict[str, ImageInput]
    options: dict[str, Any]
    """Only those that were given."""


def asked(utility: Utility, fields: dict[str, Any]) -> Asked:
    """Check a request's fields. Raises ``FieldsError``."""
    if utility.image_alias in fields:
        fields.setdefault("image", fields.pop(utility.image_alias))
    images = _taken(fields, ("image", "mask") if utility.takes_mask else ("image",))
    if "image" not in images:
        raise _missing("image", ErrorCode.IMAGE_MISSING, "Send the picture as image.")
    if utility.needs_mask and "mask" not in images:
        raise _missing("mask", ErrorCode.MASK_MISSING, "Send a mask: white marks the area to change.")
    parse(_Images, images)
    checked = parse(utility.options, fields, hints=images)
    return Asked(images, checked.model_dump(mode="json", include=checked.model_fields_set))


def _taken(fields: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: fields.pop(name) for name in names if name in fields}


def _missing(field: str, code: ErrorCode, detail: str) -> InputError:
    return FieldsError([FieldError(field=field, detail=detail, code=code)])


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request to a utility whose images are in the store: nothing of its body is held any more."""

    images: list[str]
    options: dict[str, Any]
    as_json: bool


async def make(request: Request, gateway: Gateway, utility: Utility, owner: str, key: str | None) -> Response:
    """Carry out one request."""
    admitted = await _admit(request, gateway, utility, owner, key)
    made = await gateway.utilities.call(utility.task, admitted.images, admitted.options, owner=owner)
    data = await gateway.images.open(made.image_id)
    return await _as_json(utility, made, data) if admitted.as_json else _as_bytes(made, data)


async def _admit(request: Request, gateway: Gateway, utility: Utility, owner: str, key: str | None) -> Admitted:
    body = await gateway.bodies.read(request, raw_field="image")
    as_json = prefers_json(request.headers.get("accept", "*/*"), MEDIA_TYPES, by_default=body.kind == "json")
    wanted = asked(utility, fields_of(body, request.query_params, utility.options))
    pictures = await gateway.bodies.pictures(wanted.images, owner=owner)
    if "mask" in pictures:
        await gateway.bodies.require_mask(pictures["mask"], pictures["image"])
    if wanted.options.get("box"):
        require_box_inside(pictures["image"], wanted.options["box"])
    ids = {name: picture.id for name, picture in pictures.items()}
    await remember(gateway, promise(key, owner, utility.task, ids, wanted.options))
    await gateway.pools.admit(Queue.IMAGE_UTILS)
    await gateway.bodies.keep(list(pictures.values()), owner=owner, durable=False)
    return Admitted([ids[name] for name in ("image", "mask") if name in ids], wanted.options, as_json)


async def _as_json(utility: Utility, made: Made, data: bytes) -> Response:
    text = await base64_of(data)
    answer = MadeImage(image_id=made.image_id, width=made.width, height=made.height, format=made.format, image=text)
    if utility.answer_alias:
        answer = answer.model_copy(update={utility.answer_alias: text})
    return await json_response(answer)


def _as_bytes(made: Made, data: bytes) -> Response:
    headers = {"X-Image-ID": made.image_id, "Cache-Control": "no-store"}
    return Response(data, headers=headers, media_type=made.format.media_type)


class _Images(BaseModel):
    image: Image
    mask: Image | None = None


def _document(utility: Utility) -> dict[str, Any]:
    """Declare the bodies and the query of a route."""
    options = schema_of(utility.options)
    images, required = {"image": IMAGE_SCHEMA}, ["image", *options.get("required", [])]
    if utility.takes_mask:
        images["mask"] = IMAGE_SCHEMA
        required += ["mask"] if utility.needs_mask else []
    example = {**dict.fromkeys(images, EXAMPLE_BASE64), **utility.example}
    body = {**options, "properties": {**images, **options["properties"]}, "required": required, "example": example}
    return {
        **request_body(body, files=tuple(images), raw=True),
        **query_parameters(options, "Where the body is the image itself."),
    }


def _endpoint(utility: Utility) -> Callable[..., Awaitable[Response]]:
    async def endpoint(request: Request, gateway: ConnectedDep, owner: ComputingDep, key: IdempotencyDep) -> Response:
        return await make(request, gateway, utility, owner, key)

    return endpoint


for _utility in UTILITIES:
    router.add_api_route(
        _utility.path,
        _endpoint(_utility),
        methods=["POST"],
        operation_id=f"image_utils_{_utility.task}",
        summary=_utility.summary,
        description=_utility.description,
        response_model=MadeImage,
        openapi_extra=_document(_utility),
        responses={
            200: {
                **image_response(
                    "The picture: its bytes, or JSON with base64.",
                    MEDIA_TYPES,
                    headers={"X-Image-ID": "Of an answer of bytes: usable wherever an image is accepted."},
                ),
                "model": MadeImage,
            },
            **responses(*_COMMON, *_utility.errors),
        },
    )
