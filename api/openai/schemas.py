"""Requests and answers of the images API. Fields that need a reason are explained where they stand."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.answers import Answer, SparseAnswer
from api.openai.models import Name
from api.problems import FieldError, FieldsError
from api.schemas import EXAMPLE_BASE64, EXAMPLE_ID, Image, parse
from tasks.errors import ErrorCode
from tasks.jobs import Preset

IGNORED: Final = frozenset(
    {"moderation", "user", "safety_identifier", "style", "quality", "complexity", "input_fidelity"}
)
"""Parameters of OpenAI's that name what is of no effect here: models of another kind, and rules of another house."""
UNSUPPORTED: Final[Mapping[str, str]] = {
    "markup": "Darkroom reads a mask only; send what may change as mask.",
    "svg": "Darkroom draws no vector graphics.",
    "frame_count": "Darkroom makes no animations.",
    "frame_duration_ms": "Darkroom makes no animations.",
}
"""Parameters of OpenAI's that ask for what Darkroom cannot do."""
IMAGE_NAMES: Final = ("image", "image[]", "images")
SIDE_MIN, SIDE_MAX, SIDE_STEP = 64, 4096, 16
"""Of a generated picture, in pixels: what ``tasks.jobs.Edit`` takes."""
_SIZE: Final = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII)


class ResponseFormat(StrEnum):
    """How a picture comes."""

    B64_JSON = "b64_json"
    URL = "url"


class PictureFormat(StrEnum):
    """What a picture is written as."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


def _size(value: Any) -> Any:
    if value is None or (isinstance(value, str) and (value == "auto" or _SIZE.fullmatch(value))):
        return value
    raise PydanticCustomError(ErrorCode.PARAMETER_INVALID, "Input should be 'auto' or WIDTHxHEIGHT in pixels.")


def _image(value: Any) -> Any:
    """Take a reference of the JSON form to what ``api.schemas.Image`` takes."""
    match value:
        case {"file_id": str(name), **others} if not others:
            return name
        case {"image_url": str(url), **others} if not others:
            if not url.startswith("data:"):
                raise PydanticCustomError(
                    ErrorCode.IMAGE_INVALID,
                    "Darkroom fetches nothing from elsewhere: send the image as a data URL, a file, or the id of an "
                    "image uploaded to /api/images as file_id.",
                )
            return url
        case {}:
            raise PydanticCustomError(ErrorCode.IMAGE_INVALID, "Send an object with either image_url or file_id.")
        case _:
            return value


InputImage = Annotated[Image, BeforeValidator(_image)]


class ImagesRequest(BaseModel, use_attribute_docstrings=True):
    """What generations and edits have in common. Null is the same as absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = Name.DARKROOM
    """One of /v1/models; `darkroom` if absent."""
    prompt: Annotated[str, Field(max_length=4000)] = ""
    n: Annotated[int, Field(ge=1, le=10)] = 1
    """Pictures, each a job of its own with a seed of its own."""
    size: Annotated[str, BeforeValidator(_size)] = "auto"
    """`auto`, or `WIDTHxHEIGHT` in pixels."""
    response_format: ResponseFormat = ResponseFormat.B64_JSON
    """`url` is a signed address that lives for an hour."""
    output_format: PictureFormat = PictureFormat.PNG
    output_compression: Annotated[int, Field(ge=0, le=100)] = 100
    """Quality of JPEG and WebP; a PNG has no other than 100."""
    stream: bool = False
    """Send server-sent events."""
    partial_images: Annotated[int, Field(ge=0, le=3)] = 0
    """Previews in a stream, at most; an engine without steps has none."""
    background: Literal["auto", "opaque"] = "auto"

    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    """Darkroom's own: makes a second request give the same picture; the next pictures of `n` count on from it."""
    negative_prompt: Annotated[str, Field(max_length=4000)] | None = None
    """Darkroom's own."""
    preset: Preset | None = None
    """Darkroom's own: `fast` or `quality`."""
    num_inference_steps: Annotated[int, Field(ge=1, le=100)] | None = None
    """Darkroom's own."""
    true_cfg_scale: Annotated[float, Field(ge=0, le=30)] | None = None
    """Darkroom's own."""

    @property
    def pixels(self) -> tuple[int, int] | None:
        """The width and height that it asks for; None where they are left to us."""
        found = _SIZE.fullmatch(self.size)
        return (int(found[1]), int(found[2])) if found else None

    def own(self) -> dict[str, Any]:
        """Return what it says of an edit's parameters, by the names of ``tasks.jobs.Edit``."""
        names = {"prompt", "seed", "negative_prompt", "preset", "num_inference_steps", "true_cfg_scale"}
        return self.model_dump(include=names, exclude_none=True)


class GenerationRequest(ImagesRequest):
    """A picture of a prompt."""

    model_config = ConfigDict(json_schema_extra={"example": {"prompt": "a lighthouse at dusk", "size": "1024x1024"}})

    prompt: Annotated[str, Field(min_length=1, max_length=4000)]


class EditRequest(ImagesRequest):
    """A photo to edit."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "model": "darkroom-removal",
                "images": [{"file_id": EXAMPLE_ID}],
                "mask": {"image_url": f"data:image/png;base64,{EXAMPLE_BASE64}"},
                "prompt": "the empty beach",
            }
        }
    )

    images: Annotated[list[InputImage], Field(max_length=8)] = []
    """The photo, and for an insertion the image that holds the object. In forms `image`, or `image[]` for each."""
    mask: InputImage | None = None
    """Fully transparent where the photo may change; of its size or its aspect ratio."""


Wanted = TypeVar("Wanted", bound=ImagesRequest)


class Origin(Answer):
    """Darkroom's own: where a picture comes from."""

    job_id: str
    """As in `/api/generate/status/{job_id}`."""
    model_used: str
    """The engine that computed it."""
    seed: int | None = None
    notes: tuple[str, ...] = ()
    """What of the request had no effect, or another one than one might expect."""


class ImageData(SparseAnswer):
    """A picture, one way or the other."""

    b64_json: str | None = None
    url: str | None = None
    """Lives for an hour."""
    darkroom: Origin


class ImagesAnswer(Answer):
    """The pictures."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "created": 1764000000,
                "background": "opaque",
                "output_format": "png",
                "size": "1200x800",
                "data": [
                    {
                        "b64_json": EXAMPLE_BASE64,
                        "darkroom": {
                            "job_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
                            "model_used": "opencv",
                            "seed": 7,
                            "notes": [],
                        },
                    }
                ],
            }
        },
    )

    created: int
    """Unix seconds."""
    background: Literal["opaque"] = "opaque"
    output_format: PictureFormat
    size: str
    """Of the first picture."""
    data: list[ImageData]


def generation_request(fields: Mapping[str, Any]) -> GenerationRequest:
    """Check the fields of a generation. Raises ``FieldsError`` with all that is wrong."""
    wanted = parse(GenerationRequest, _meant(fields))
    if wanted.pixels is not None and not all(_is_side(side) for side in wanted.pixels):
        raise wrong_size(f"Each side has to be {SIDE_MIN} to {SIDE_MAX} pixels, and a multiple of {SIDE_STEP}.")
    return _checked(wanted)


def edit_request(fields: Mapping[str, Any]) -> EditRequest:
    """Check the fields of an edit. Raises ``FieldsError`` with all that is wrong."""
    meant = _meant(fields)
    given = [value for name in IMAGE_NAMES if name in meant for value in _listed(meant.pop(name))]
    return _checked(parse(EditRequest, {**meant, "images": given}))


def wrong_size(detail: str) -> FieldsError:
    """Build the error for a size that cannot be had."""
    return _wrong("size", detail)


def _checked(wanted: Wanted) -> Wanted:
    if wanted.output_format is PictureFormat.PNG and wanted.output_compression < 100:
        raise _wrong("output_compression", "A PNG is not compressed with losses; ask for jpeg or webp.")
    if wanted.stream and wanted.n > 1:
        raise _wrong("n", "A stream sends one picture; ask for each of them on its own.")
    if wanted.stream and wanted.response_format is ResponseFormat.URL:
        raise _wrong("response_format", "A stream sends pictures as b64_json.")
    if wanted.partial_images and not wanted.stream:
        raise _wrong("partial_images", "Partial images come in a stream: send stream=true with them.")
    return wanted


def _meant(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that say something. Raises ``FieldsError`` for those that ask for what cannot be had."""
    given = {name: value for name, value in fields.items() if value is not None and name not in IGNORED}
    refused = [name for name in given if name.partition("[")[0] in UNSUPPORTED]
    if refused:
        raise FieldsError(
            [
                FieldError(field=name, detail=UNSUPPORTED[name.partition("[")[0]], code=ErrorCode.PARAMETER_INVALID)
                for name in refused
            ]
        )
    return given


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_side(pixels: int) -> bool:
    return SIDE_MIN <= pixels <= SIDE_MAX and pixels % SIDE_STEP == 0


def _wrong(field: str, detail: str) -> FieldsError:
    return FieldsError([FieldError(field=field, detail=detail, code=ErrorCode.PARAMETER_INVALID)])
