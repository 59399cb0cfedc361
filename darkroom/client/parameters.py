"""What can be asked for beside the images: the gateway's own field names. All are optional but where docs say so.

They help editors and type checkers; the gateway checks, and says what it does not know. So a newer gateway's
parameters can be given too.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias, TypedDict

Operation: TypeAlias = Literal["removal", "insertion", "white-balance", "text-to-image"]
Format: TypeAlias = Literal["png", "jpeg", "webp", "avif"]
MaskTool: TypeAlias = Literal["brush", "box"]
Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the upright photo; x1 and y1 are exclusive."""


class EditParameters(TypedDict, total=False):
    """Of an edit (docs/python.md)."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    num_inference_steps: int
    preset: Literal["fast", "quality"]
    guidance_scale: float
    true_cfg_scale: float
    scheduler_shift: float
    seed: int
    input_quality: Literal["resized", "original"]
    mask_tool_type: MaskTool
    enable_mae_refinement: bool
    enable_flowmatch_scheduler: bool
    enable_debug: bool
    angle: str
    background_preset: str
    preview_every: int
    webhook_url: str


class SmartMaskParameters(TypedDict, total=False):
    """Of a smart mask (docs/smart-masks.md)."""

    candidate: int
    border_adjustment: int
    use_blur: bool
    model_type: Literal["fastsam", "birefnet"]
    request_id: str


class OutputParameters(TypedDict, total=False):
    """How a utility writes its picture; without a format, as the photo came."""

    format: Format
    quality: int
    keep_metadata: bool


class ResizeParameters(OutputParameters, total=False):
    """Scale a photo into ``width`` × ``height``; one of them is enough."""

    width: int
    height: int
    fit: Literal["inside", "cover", "pad", "exact"]
    upscale: bool


class CropParameters(OutputParameters, total=False):
    """Cut a photo to a ``box`` [x0, y0, x1, y1], or to an ``aspect`` [16, 9] around its centre."""

    box: Sequence[int]
    aspect: Sequence[float]


class EncodeParameters(OutputParameters, total=False):
    """Write a photo in another ``format``; with ``max_bytes`` the best quality that fits is found."""

    lossless: bool
    max_bytes: int


class ExtractParameters(TypedDict, total=False):
    """Cut out an object onto a square."""

    background: Literal["transparent", "white"]


class MaeParameters(TypedDict, total=False):
    """Fill the masked area as a preview."""

    mask_tool_type: MaskTool
    method: Literal["telea", "ns"]


class CannyParameters(TypedDict, total=False):
    """Draw edges; without thresholds they follow the photo's median."""

    low: int
    high: int


class ShadowParameters(TypedDict, total=False):
    """Preview an extracted object with a soft shadow."""

    offset: Sequence[int]
    opacity: float
    blur: int
