"""Requests and responses as JSON, and how a request's fields become an edit or options."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from api.answers import Answer, DescribedAs, SparseAnswer
from api.inputs import ImageInput, Picture
from api.problems import FieldError, FieldsError
from tasks.engines import RefinerName
from tasks.errors import ErrorCode
from tasks.imaging.probe import Format
from tasks.jobs import Edit, InputQuality, MaskTool, Operation, Preset, State
from tasks.outbox import OlderSecret, Secrets
from tasks.smart_masks import MaskSource
from tasks.store import ImageMetadata

Model = TypeVar("Model", bound=BaseModel)

IGNORED_FIELDS = frozenset({"request_id", "session_id", "user_id", "timestamp"})
"""What today's frontend may send along without effect on the picture."""

EXAMPLE_ID = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EXAMPLE_BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
EXAMPLE_BASE64_ID = "2a10066628abeae5d7350f02eda9cff7bfe49690bb00de15fbcad89ddc4e781a"
IMAGE_SCHEMA = {
    "type": "string",
    "description": "An image: base64, a base64 data URL, or the id of an uploaded image (64 hex digits).",
    "examples": [EXAMPLE_ID],
}


def _image(value: Any) -> ImageInput:
    if isinstance(value, str | bytes) and value:
        return value
    raise PydanticCustomError(ErrorCode.IMAGE_INVALID, "An image is a text: base64, a base64 data URL or an image id.")


def _one_mask(value: Any) -> Any:
    """Take a list, or the one image that a form sends; without its empty places."""
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if each is not None]


Image = Annotated[ImageInput, PlainValidator(_image), WithJsonSchema(IMAGE_SCHEMA)]


class GenerateRequest(BaseModel, use_attribute_docstrings=True):
    """An edit asked for, with the field names of today's frontend. Sizes are pixels; null is the same as absent."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "example": {
                "task_type": "removal",
                "input_image": EXAMPLE_ID,
                "conditional_images": [EXAMPLE_BASE64],
                "mask_tool_type": "brush",
                "seed": 7,
            }
        },
    )

    task_type: Operation | None = None
    """Absent and without an image: text-to-image."""
    input_image: Image | None = None
    """The photo to edit."""
    conditional_images: Annotated[list[Image], Field(max_length=8), BeforeValidator(_one_mask)] = []
    """The mask: white where the photo may change. Further images are not read: conditions are computed here."""
    reference_image: Image | None = None
    """The image that holds the object to insert."""
    reference_mask_R: Image | None = None  # noqa: N815 - the frontend's name
    """White where that object is; without it the object is found."""
    prompt: Annotated[str, Field(max_length=4000)] | None = None
    negative_prompt: Annotated[str, Field(max_length=4000)] | None = None
    width: Annotated[int, Field(ge=64, le=4096, multiple_of=16)] | None = None
    height: Annotated[int, Field(ge=64, le=4096, multiple_of=16)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=100)] | None = None
    preset: Preset | None = None
    """What steps and guidance are where they are not given: `fast` is 4 steps without guidance (needs a Lightning
    adapter), `quality` (default) 40 steps at a true_cfg_scale of 4."""
    guidance_scale: Annotated[float, Field(ge=0, le=30)] | None = None
    """Has no effect of its own on Qwen-Image-Edit: it stands for a true_cfg_scale that is not given."""
    true_cfg_scale: Annotated[float, Field(ge=0, le=30)] | None = None
    """Classifier-free guidance; at most 1 turns it off."""
    scheduler_shift: Annotated[float, Field(gt=0, le=20)] | None = None
    """Static shift of the noise schedule; the checkpoint's own, which depends on the size, if absent."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    """Makes a second request give the same picture; drawn if absent."""
    input_quality: InputQuality | None = None
    mask_tool_type: MaskTool | None = None
    enable_mae_refinement: bool | None = None
    enable_flowmatch_scheduler: bool | None = None
    enable_debug: bool | None = None
    """Have the result carry debug_info."""
    angle: Annotated[str, Field(max_length=100)] | None = None
    background_preset: Annotated[str, Field(max_length=100)] | None = None
    preview_every: Annotated[int, Field(ge=0, le=100)] | None = None
    """Steps between two previews, which the status names; none if absent or 0."""
    webhook_url: str | None = None
    """A public https address that gets a signed message when the job has ended; no part of the picture."""

    def images(self) -> dict[str, ImageInput]:
        """Return the images by the names of their fields."""
        given = {
            "input_image": self.input_image,
            MASK_FIELD: self.conditional_images[0] if self.conditional_images else None,
            "reference_image": self.reference_image,
            "reference_mask_R": self.reference_mask_R,
        }
        return {field: image for field, image in given.items() if image is not None}

    def operation(self) -> Operation:
        """Return what is asked for. Raises ``FieldsError`` where an image is sent without a task_type."""
        if self.task_type is not None:
            return self.task_type
        if self.images():
            raise _field_error("task_type", f"Say what to do with the image: {', '.join(Operation)}.")
        return Operation.TEXT_TO_IMAGE


MASK_FIELD = "conditional_images[0]"
EDIT_NAMES: Mapping[str, str] = {
    "input_image": "photo",
    MASK_FIELD: "mask",
    "reference_image": "reference",
    "reference_mask_R": "reference_mask",
}
"""Images of a request, and what an ``Edit`` calls them."""
ALIASES: Mapping[str, str] = {
    "image": "input_image",
    "mask": "conditional_images",
    "reference_mask": "reference_mask_R",
}
"""Shorter names that forms use."""
_NOT_PARAMETERS = {
    *("task_type", "conditional_images", "input_image", "reference_image", "reference_mask_R"),
    "webhook_url",
}


def generate_request(fields: Mapping[str, Any]) -> GenerateRequest:
    """Check the fields of a request. Raises ``FieldsError`` with all that is wrong."""
    named: dict[str, Any] = {}
    for name, value in fields.items():
        canonical = ALIASES.get(name, name)
        if canonical in named:
            raise _field_error(name, f"This is another name of {canonical}, which is given too; send one of them.")
        named[canonical] = value
    return parse(GenerateRequest, named, hints=ALIASES)


def edit_of(wanted: GenerateRequest, pictures: Mapping[str, Picture]) -> Edit:
    """Return the edit that a request asks for. Raises ``FieldsError`` when an image is missing."""
    parameters = wanted.model_dump(exclude=_NOT_PARAMETERS, exclude_none=True)
    ids = {EDIT_NAMES[field]: picture.id for field, picture in pictures.items()}
    return parse(Edit, {"operation": wanted.operation(), **ids, **parameters})


def parse(model: type[Model], fields: Mapping[str, Any], hints: Iterable[str] = ()) -> Model:
    """Check fields against a model.

    Raises ``FieldsError``: an unknown field is named with the nearest known one, as a misspelt parameter would
    otherwise change the picture in silence. ``hints`` are further names to suggest.
    """
    ignored = IGNORED_FIELDS - set(model.model_fields)
    given = {name: value for name, value in fields.items() if name not in ignored}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        known = [*model.model_fields, *hints]
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise FieldsError([_translated(each, known) for each in details]) from error


def _translated(error: ErrorDetails, known: list[str]) -> FieldError:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known fields: {', '.join(known)}."
        return FieldError(field=field, detail=f"There is no such field; {hint}", code=ErrorCode.PARAMETER_INVALID)
    code = ErrorCode(error["type"]) if error["type"] in set(ErrorCode) else ErrorCode.PARAMETER_INVALID
    return FieldError(field=field, detail=error["msg"], code=code)


def _field_error(field: str, detail: str) -> FieldsError:
    return FieldsError([FieldError(field=field, detail=detail, code=ErrorCode.PARAMETER_INVALID)])


class Accepted(Answer):
    """A job that was accepted."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "task_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
                "status": "queued",
                "message": "The edit is queued.",
                "status_url": "/api/generate/status/1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
                "stream_url": "/api/generate/stream/1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
                "result_url": "/api/generate/result/1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
            }
        },
    )

    task_id: str
    status: State
    message: str
    status_url: str
    stream_url: str
    result_url: str

    @classmethod
    def of(cls, job_id: str, state: State, message: str) -> "Accepted":
        """Tell where a job can be followed."""
        base = "/api/generate"
        return cls(
            task_id=job_id,
            status=state,
            message=message,
            status_url=f"{base}/status/{job_id}",
            stream_url=f"{base}/stream/{job_id}",
            result_url=f"{base}/result/{job_id}",
        )


class Cancelled(BaseModel, use_attribute_docstrings=True):
    """Answer to a cancel."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "task_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
                "status": "cancelled",
                "message": "The job is cancelled.",
            }
        },
    )

    task_id: str
    status: State
    """The job's final state: cancelled, or how it had ended before."""
    message: str


class WebhookSecret(BaseModel, use_attribute_docstrings=True):
    """What the caller's webhooks are signed with."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                "older": [{"secret": "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=", "until": 1764086400}],
            }
        },
    )

    secret: str
    older: list[OlderSecret]
    """Those that were rotated, while they sign beside it; `until` is in Unix seconds."""

    @classmethod
    def of(cls, secrets: Secrets) -> "WebhookSecret":
        """Tell an owner's secrets."""
        return cls(secret=secrets.current, older=list(secrets.older))


class Parameters(Edit, SparseAnswer):
    """An edit as it was carried out: with the seed that was drawn, and ids for images."""


class Result(SparseAnswer):
    """What came out of a job."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "task_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
                "status": "done",
                "image": EXAMPLE_BASE64,
                "image_id": EXAMPLE_ID,
                "format": "png",
                "width": 1200,
                "height": 800,
                "model_used": "opencv",
                "generation_time": 1.84,
                "stages": {"load": 0.05, "edit": 1.7, "store": 0.09},
                "parameters_used": {"operation": "removal", "seed": 7},
                "reproducibility": {"engine": "opencv", "seed": 7, "versions": {"opencv": "5.0"}},
                "notes": [],
            }
        },
    )

    task_id: str
    status: Literal[State.DONE] = State.DONE
    image: str
    """The picture as base64."""
    image_id: str
    format: Format
    width: int
    height: int
    model_used: str
    """The engine that computed it."""
    generation_time: float
    """Seconds on the generation worker."""
    stages: Mapping[str, float] = {}
    """Seconds of each stage of these."""
    parameters_used: Annotated[dict[str, Any], DescribedAs(Parameters)]
    reproducibility: Mapping[str, Any] = {}
    notes: Sequence[str] = ()
    """What of the request had no effect, or another one than one might expect."""
    debug_info: dict[str, Any] | None = None
    """Only where the request said enable_debug."""


class StoredImage(SparseAnswer):
    """An image in the store."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"image_id": EXAMPLE_ID, "width": 1200, "height": 800, "format": "jpeg"}},
    )

    image_id: str
    """sha256 of its bytes; usable wherever an image is accepted."""
    width: int
    height: int
    format: Format

    @classmethod
    def of(cls, metadata: ImageMetadata) -> "StoredImage":
        """Describe what the store has."""
        return cls(image_id=metadata.id, width=metadata.width, height=metadata.height, format=metadata.format)


class Prefetched(StrEnum):
    """What an upload has prepared for later clicks."""

    MASKS = "masks"
    STORED = "stored"
    NOT_NEEDED = "not_needed"


class UploadedImage(StoredImage):
    """An image that was uploaded."""

    prefetch: Prefetched | None = None
    """Of the photo's masks, where that was asked for: being made, there already, or nothing that clicks need."""


class MadeImage(StoredImage):
    """What an image utility made."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "image_id": EXAMPLE_ID,
                "width": 512,
                "height": 341,
                "format": "jpeg",
                "image": EXAMPLE_BASE64,
            }
        },
    )

    image: str
    """The picture as base64."""
    extracted_image: str | None = None
    """The same, under the name that the frontend reads from extract-object."""
    preview_image: str | None = None
    """The same, under the name that the frontend reads from add-shadow-preview."""


class MaskCandidate(BaseModel, use_attribute_docstrings=True):
    """One of the masks that a prompt can mean."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels of the photo; x1 and y1 are exclusive."""
    area: int
    """Pixels."""
    score: float
    """The model's confidence, 0 to 1."""


class SmartMaskAnswer(Answer):
    """The mask of what was meant."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "mask_base64": EXAMPLE_BASE64,
                "mask_id": EXAMPLE_BASE64_ID,
                "image_id": EXAMPLE_ID,
                "request_id": "click-17",
                "width": 1200,
                "height": 800,
                "box": [410, 200, 690, 610],
                "area": 81240,
                "candidates": [
                    {"box": [410, 200, 690, 610], "area": 81240, "score": 0.91},
                    {"box": [380, 190, 900, 800], "area": 214800, "score": 0.84},
                ],
                "candidate": 0,
                "model_used": "fastsam",
            }
        },
    )

    success: Literal[True] = True
    mask_base64: str
    """A PNG of the photo's size: white is the object; grey is a soft edge."""
    mask_id: str
    """Names the mask wherever an image is accepted, such as the mask of an edit."""
    image_id: str
    """Names the photo: later clicks need not send it again."""
    request_id: str
    width: int
    height: int
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the mask, in pixels of the upright photo; x1 and y1 are exclusive."""
    area: int
    """Pixels."""
    candidates: list[MaskCandidate]
    """What the prompts can mean: ask again with the index of another one as `candidate`."""
    candidate: int
    """The index of this one."""
    model_used: MaskSource
    refined_with: RefinerName | None = None
    """What sharpened the edge, where model_type asked for it."""


class CancelledRequest(BaseModel, use_attribute_docstrings=True):
    """Answer to the cancel of a request that waits."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"request_id": "click-17", "status": "cancelled", "message": "The request is cancelled."}
        },
    )

    request_id: str
    status: State
    """cancelled, or how the request had ended before: done or error."""
    message: str


class UploadRequest(BaseModel, use_attribute_docstrings=True):
    """An image to keep."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"image": EXAMPLE_BASE64}})

    image: Image
