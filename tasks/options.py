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

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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
