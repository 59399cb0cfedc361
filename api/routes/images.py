"""Upload once, refer by id."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.documentation import image_response, request_body, schema_of
from api.gateway import GatewayDep
from api.idempotency import IdempotencyDep, promise, remember
from api.inputs import require_id
from api.permissions import ReadingDep, UploadingDep
from api.problems import responses
from api.rendering import image_headers, not_modified
from api.schemas import Prefetched, StoredImage, UploadedImage, UploadRequest, parse
from tasks.errors import ErrorCode

router = APIRouter(tags=["images"])


class Prefetch(StrEnum):
    """What an upload can prepare."""

    MASKS = "masks"


@router.post(
    "/images",
    operation_id="upload_image",
    summary="Upload an image",
    status_code=201,
    response_model_exclude_none=True,
    openapi_extra=request_body(schema_of(UploadRequest), files=("image",), raw=True),
    responses=responses(
        ErrorCode.IMAGE_INVALID,
        ErrorCode.IMAGE_TRUNCATED,
        ErrorCode.IMAGE_FORMAT_UNSUPPORTED,
        ErrorCode.IMAGE_TOO_LARGE,
        ErrorCode.BASE64_INVALID,
        ErrorCode.PARAMETER_INVALID,
        ErrorCode.JSON_INVALID,
        ErrorCode.BODY_TOO_LARGE,
        ErrorCode.MEDIA_TYPE_UNSUPPORTED,
        ErrorCode.IDEMPOTENCY_KEY_INVALID,
        ErrorCode.IDEMPOTENCY_CONFLICT,
        ErrorCode.IMAGE_UNKNOWN,
        ErrorCode.STORE_UNAVAILABLE,
        ErrorCode.QUEUE_FULL,
        ErrorCode.BROKER_UNAVAILABLE,
    ),
)
async def upload_image(
    request: Request,
    response: Response,
    gateway: GatewayDep,
    owner: UploadingDep,
    key: IdempotencyDep,
    prefetch: Annotated[Prefetch | None, Query(description="What to prepare: the masks for clicks on it.")] = None,
) -> UploadedImage:
    """Keep an image, sent as the body itself, as the file `image` of a form, or as base64 in JSON.

    Its id is the sha256 of its bytes: the same bytes twice are one image. It stays for a week after its last upload.
    With `prefetch=masks` its objects are found while the user still looks at it, so that the first click is quick.
    """
    body = await gateway.bodies.read(request, raw_field="image")
    wanted = parse(UploadRequest, body.fields)
    pictures = await gateway.bodies.pictures({"image": wanted.image}, owner=owner)
    photo = pictures["image"]
    await remember(gateway, promise(key, owner, "upload", photo.id))
    prefetched = await gateway.smart_masks.prefetch(photo.id) if prefetch else None
    await gateway.bodies.keep([photo], owner=owner, durable=True)
    if prefetched is Prefetched.MASKS:
        await gateway.smart_masks.segment(photo.id, owner)
    metadata = await gateway.images.metadata(photo.id, owner=owner)
    response.headers["Location"] = f"/api/images/{metadata.id}"
    return UploadedImage(**StoredImage.of(metadata).model_dump(), prefetch=prefetched)


@router.get(
    "/images/{image_id}",
    operation_id="get_image",
    summary="Get an image",
    response_class=Response,
    responses={
        200: image_response(
            "The image, byte for byte as it was stored.",
            headers={"ETag": "Names these bytes; send it as If-None-Match."},
        ),
        304: {"description": "The client has it already."},
        **responses(ErrorCode.IMAGE_UNKNOWN, ErrorCode.STORE_UNAVAILABLE),
    },
)
async def get_image(image_id: str, request: Request, gateway: GatewayDep, owner: ReadingDep) -> Response:
    """Return the bytes of an image that its owner uploaded or that was made for them."""
    require_id(image_id)
    metadata = await gateway.images.metadata(image_id, owner=owner)
    headers = image_headers(metadata.id)
    cached = not_modified(request, headers)
    if cached is not None:
        return cached
    return Response(await gateway.images.show(metadata.id), headers=headers, media_type=metadata.format.media_type)
