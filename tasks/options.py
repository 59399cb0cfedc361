"""Options of the image utilities: checked at the gateway and again in the worker, as any client can send a message."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tasks.errors import ErrorCode
from tasks.jobs import MAX_SIDE, MaskTool


class OutputFormat(StrEnum):
    """Formats that Darkroom writes."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def media_type(self) -> str:
        """The format's media type."""
        return f"image/{self}"


class Fit(StrEnum):
    """How a photo meets a box of another aspect ratio."""

    INSIDE = "inside"
    COVER = "cover"
    PAD = "pad"
    EXACT = "exact"


class Options(BaseModel):
    """Base: frozen, no unknown names, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Quality = Annotated[int, Field(ge=1, le=100)]


class OutputOptions(Options):
    """How the result of a utility is written; without a format, as the photo came (or PNG where it has alpha)."""

    format: OutputFormat | None = None
    quality: Quality | None = None
    """Of JPEG, WebP and AVIF; the default is the format's own (docs/image-utils.md)."""
    keep_metadata: bool = False
    """Keep the photo's EXIF, its GPS position included."""


class ResizeOptions(OutputOptions):
    """Scale a photo."""

    width: Side | None = None
    height: Side | None = None
    fit: Fit = Fit.INSIDE
    upscale: bool = False

    @model_validator(mode="after")
    def _has_a_side(self) -> Self:
        if self.width is None and self.height is None:
            raise PydanticCustomError(ErrorCode.PARAMETER_INVALID, "Give a width, a height or both, in pixels.")
        return self


class CropOptions(OutputOptions):
    """Cut a photo to a box, or to an aspect ratio around its centre."""

    box: tuple[int, int, int, int] | None = None
    """x0, y0, x1, y1 in pixels of the upright photo; x1 and y1 are exclusive."""
    aspect: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None

    @model_validator(mode="after")
    def _has_one_area(self) -> Self:
        if (self.box is None) == (self.aspect is None):
            raise PydanticCustomError(ErrorCode.PARAMETER_INVALID, "Give either a box [x0, y0, x1, y1] or an aspect.")
        return self


class EncodeOptions(Options):
    """Write a photo in another format."""

    format: OutputFormat
    quality: Quality | None = None
    lossless: bool = False
    max_bytes: Annotated[int, Field(ge=100)] | None = None
    """Find the best quality that fits."""
    keep_metadata: bool = False

    @model_validator(mode="after")
    def _bytes_need_a_quality(self) -> Self:
        if self.max_bytes is not None and (self.lossless or self.format is OutputFormat.PNG):
            raise PydanticCustomError(
                ErrorCode.PARAMETER_INVALID, "max_bytes needs a lossy format: jpeg, webp or avif without lossless."
            )
        return self


class ExtractOptions(Options):
    """Cut out an object onto a square."""

    background: Literal["transparent", "white"] = "transparent"


class MaeOptions(Options):
    """Fill the masked area as a preview."""

    mask_tool_type: MaskTool = MaskTool.BRUSH
    method: Literal["telea", "ns"] = "telea"


class CannyOptions(Options):
    """Draw edges; without thresholds they follow the photo's median."""

    low: Annotated[int, Field(ge=0, le=255)] | None = None
    high: Annotated[int, Field(ge=0, le=255)] | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.low is None) != (self.high is None) or (self.low or 0) > (self.high or 0):
            raise PydanticCustomError(
                ErrorCode.PARAMETER_INVALID, "Give both thresholds, low not above high, or neither."
            )
        return self


class ShadowOptions(Options):
    """Preview an extracted object with a soft shadow."""

    offset: tuple[Annotated[int, Field(ge=-200, le=200)], Annotated[int, Field(ge=-200, le=200)]] = (3, 5)
    """Right and down, in pixels."""
    opacity: Annotated[float, Field(ge=0, le=1)] = 0.4
    blur: Annotated[int, Field(ge=1, le=201, multiple_of=1)] = 21
    """Width of the Gaussian kernel in pixels; odd."""

    @model_validator(mode="after")
    def _blur_is_odd(self) -> Self:
        if self.blur % 2 == 0:
            raise PydanticCustomError(ErrorCode.PARAMETER_INVALID, "blur is the width of a kernel and has to be odd.")
        return self


class NoOptions(Options):
    """For tasks that have none."""


class MaskModel(StrEnum):
    """What today's frontend asks for: the segmentation engine's mask as it is, or with a sharper edge."""

    FASTSAM = "fastsam"
    BIREFNET = "birefnet"


Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]


class SmartMaskOptions(Options):
    """Mask what the prompts mean: points, a box, brush strokes (an image of their own), or nothing for the main object.

    Coordinates are pixels of the upright photo.
    """

    points: Annotated[tuple[tuple[Coordinate, Coordinate], ...], Field(max_length=100)] = ()
    """x, y of each click."""
    labels: tuple[Literal[0, 1], ...] = ()
    """For each point 1 (belongs to the object) or 0 (does not); without labels all belong to it."""
    bbox: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None
    """x0, y0, x1, y1; x1 and y1 are exclusive."""
    auto_detect: bool = False
    """Find the main object, by size and place; needs no other prompt."""
    candidate: Annotated[int, Field(ge=0, le=100)] = 0
    """Which of the masks that a prompt can mean: 0 is the one meant most likely, larger ones follow."""
    border_adjustment: Annotated[int, Field(ge=-200, le=200)] = 0
    """Pixels by which the mask grows, or shrinks if negative."""
    use_blur: bool = False
    """Soften the edge."""
    model_type: MaskModel = MaskModel.FASTSAM

    @model_validator(mode="after")
    def _labels_fit_points(self) -> Self:
        if self.labels and len(self.labels) != len(self.points):
            raise PydanticCustomError(ErrorCode.PARAMETER_INVALID, "Give one label for each point, or none at all.")
        if self.points and self.labels and not any(self.labels) and self.bbox is None:
            raise PydanticCustomError(
                ErrorCode.PARAMETER_INVALID, "At least one point has to belong to the object (label 1), or give a bbox."
            )
        return self

    @property
    def include(self) -> tuple[tuple[float, float], ...]:
        """Points that belong to the object."""
        labels = self.labels or (1,) * len(self.points)
        return tuple(point for point, label in zip(self.points, labels, strict=True) if label)

    @property
    def exclude(self) -> tuple[tuple[float, float], ...]:
        """Points that do not."""
        return tuple(point for point, label in zip(self.points, self.labels, strict=False) if not label)
