"""A click as clients send it: its fields, and whether they point into the photo. Pure."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import ConfigDict, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.inputs import ImageInput
from api.problems import FieldError, FieldsError
from api.schemas import EXAMPLE_ID, Image, parse
from tasks.errors import ErrorCode
from tasks.jobs import ImageId
from tasks.options import Coordinate, SmartMaskOptions

REQUEST_ID_PATTERN = r"^[A-Za-z0-9._:-]{1,128}$"

OUTSIDE_PIXELS = 1.0
"""So far a prompt may leave the photo: a browser that scales coordinates back rounds them over the edge."""

_LABELS = {"0": 0, "1": 1}


class SmartMaskRequest(SmartMaskOptions, use_attribute_docstrings=True):
    """A click, with the field names of today's frontend. null is the same as absent."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"image_id": EXAMPLE_ID, "points": [[640, 360]], "request_id": "click-17"}},
    )

    image: Image | None = None
    """The photo."""
    image_id: ImageId | None = None
    """The photo's id in its place, as an earlier answer told it."""
    mask: Image | None = None
    """Brush strokes on the photo, white: they are inside the object, not its outline."""
    request_id: Annotated[str, StringConstraints(pattern=REQUEST_ID_PATTERN)] | None = None
    """A name for this one request, by which it can be cancelled; drawn if absent."""

    @field_validator("points", mode="before")
    @classmethod
    def _paired(cls, value: Any) -> Any:
        if not isinstance(value, list) or any(isinstance(each, list | tuple) for each in value):
            return value
        if len(value) % 2:
            raise PydanticCustomError(ErrorCode.PARAMETER_INVALID, "Give x and y of each point: x,y,x,y.")
        return list(zip(value[::2], value[1::2], strict=True))

    @field_validator("labels", mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        return [_LABELS.get(each, each) if isinstance(each, str) else each for each in _listed(value)]

    @field_validator("bbox", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        return value or None

    @field_validator("bbox")
    @classmethod
    def _ordered(cls, box: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if box is not None and not (box[0] < box[2] and box[1] < box[3]):
            raise PydanticCustomError(
                ErrorCode.PARAMETER_INVALID, "A box is [x0, y0, x1, y1] in pixels, with x0 < x1 and y0 < y1."
            )
        return box

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.image is None and self.image_id is None:
            raise PydanticCustomError(ErrorCode.IMAGE_MISSING, "Send the photo as image, or its id as image_id.")
        if self.image is not None and self.image_id is not None:
            raise PydanticCustomError(
                ErrorCode.PARAMETER_INVALID, "image and image_id both name the photo; send one of them."
            )
        if not (self.has_prompt or self.auto_detect):
            raise PydanticCustomError(
                ErrorCode.PARAMETER_INVALID,
                "Say what to mask: points, a bbox, brush strokes as mask, or auto_detect for the main object.",
            )
        return self

    @property
    def has_prompt(self) -> bool:
        """Whether something in the photo is pointed at."""
        return bool(self.points or self.bbox or self.mask is not None)

    def images(self) -> dict[str, ImageInput]:
        """Return the images by the names of their fields."""
        given = {"image": self.image if self.image is not None else self.image_id, "mask": self.mask}
        return {field: image for field, image in given.items() if image is not None}

    def options(self) -> SmartMaskOptions:
        """Return the worker's options. Who points at something means that: auto_detect then has no effect."""
        given = self.model_dump(include=set(SmartMaskOptions.model_fields))
        return SmartMaskOptions(**{**given, "auto_detect": not self.has_prompt})


PROMPTS = ("points", "labels", "bbox", "mask", "auto_detect")
"""What `/api/smart-mask/detect` does not take."""


def smart_mask_request(fields: Mapping[str, Any]) -> SmartMaskRequest:
    """Check the fields of a click. Raises ``FieldsError`` with all that is wrong."""
    return parse(SmartMaskRequest, fields)


def detect_request(fields: Mapping[str, Any]) -> SmartMaskRequest:
    """Check the fields of a request for the main object; prompts may come along empty. Raises ``FieldsError``."""
    wrong = [
        FieldError(
            field=name,
            detail="The main object is found without it; send prompts to /api/smart-mask.",
            code=ErrorCode.PARAMETER_INVALID,
        )
        for name in PROMPTS
        if name != "auto_detect" and fields.get(name)
    ]
    if wrong:
        raise FieldsError(wrong)
    others = {name: value for name, value in fields.items() if name not in PROMPTS}
    return parse(SmartMaskRequest, {**others, "auto_detect": True})


def require_inside(options: SmartMaskOptions, width: int, height: int) -> None:
    """Raise ``FieldsError`` (prompt_outside) for points and corners more than a pixel outside the photo.

    Coordinates and size are in pixels of the upright photo.
    """
    wrong = [
        FieldError(
            field=field,
            detail=f"({x:g}, {y:g}) lies outside the photo, which is {width} × {height} pixels; "
            "coordinates are pixels of the upright photo.",
            code=ErrorCode.PROMPT_OUTSIDE,
        )
        for field, (x, y) in _places(options)
        if not (-OUTSIDE_PIXELS <= x <= width + OUTSIDE_PIXELS and -OUTSIDE_PIXELS <= y <= height + OUTSIDE_PIXELS)
    ]
    if wrong:
        raise FieldsError(wrong)


def _places(options: SmartMaskOptions) -> Iterator[tuple[str, tuple[Coordinate, Coordinate]]]:
    for index, point in enumerate(options.points):
        yield f"points.{index}", point
    if options.bbox is not None:
        yield "bbox", options.bbox[:2]
        yield "bbox", options.bbox[2:]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]
