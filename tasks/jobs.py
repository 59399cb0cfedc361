"""The values of the contract: operations, states, the edit asked for, the job's record and its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from tasks.errors import ConflictError, DarkroomError, ErrorCode, error_of
from tasks.queues import Priority


class Operation(StrEnum):
    """What a client can ask for."""

    REMOVAL = "removal"
    INSERTION = "insertion"
    WHITE_BALANCE = "white-balance"
    TEXT_TO_IMAGE = "text-to-image"


class State(StrEnum):
    """Where a job is. ``done``, ``error`` and ``cancelled`` are final."""

    QUEUED = "queued"
    PREPROCESSING = "preprocessing"
    LOADING = "loading"
    PROCESSING = "processing"
    DONE = "done"
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job can never change again."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({State.DONE, State.ERROR, State.CANCELLED})


class Stage(StrEnum):
    """Which message carries the job now: the opening task, the chord's header, or the chord's body."""

    OPENING = "opening"
    PARTS = "parts"
    BODY = "body"


class Role(StrEnum):
    """What an image is to a job. The conditions of each operation are listed in ``tasks.workflows``."""

    PHOTO = "photo"
    MASK = "mask"
    REFERENCE = "reference"
    MAE = "mae"
    CANNY = "canny"
    MASKED_BACKGROUND = "masked_background"


class MaskTool(StrEnum):
    """How the user drew the mask; a brush stroke is widened before inpainting, a box is not."""

    BRUSH = "brush"
    BOX = "box"


class MaskArea(StrEnum):
    """What of a mask's picture marks the area to change."""

    WHITE = "white"
    TRANSPARENT = "transparent"
    """Alpha 0, whatever the colour; a pixel that shows the least is kept. The convention of OpenAI's images API."""


class InputQuality(StrEnum):
    """Whether a model may work on a resized photo or has to use the original size."""

    RESIZED = "resized"
    ORIGINAL = "original"


class Preset(StrEnum):
    """What the parameters are that a client does not set: few steps of a distilled adapter, or the model's own."""

    FAST = "fast"
    QUALITY = "quality"


PRESETS: Mapping[Preset, Mapping[str, float]] = {
    Preset.FAST: {"num_inference_steps": 4, "true_cfg_scale": 1.0},
    Preset.QUALITY: {"num_inference_steps": 40, "true_cfg_scale": 4.0},
}
"""Lightning adapters are distilled for 4 or 8 steps without guidance; 40 steps at 4.0 are the model card's values."""


ImageId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""sha256 of an image's bytes, in lower-case hex."""

MAX_SIDE = 16_384
"""Longest side of an image in pixels; WebP ends at 16,383 and cv2's remap at 32,767."""


class Edit(BaseModel):
    """One edit asked for: frozen, complete, and small enough to live in the job's record.

    Images are ids from the image store. Sizes are pixels. ``seed`` makes a second execution give the same
    picture; submit fills it in when it is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    operation: Operation
    photo: ImageId | None = None
    mask: ImageId | None = None
    reference: ImageId | None = None
    reference_mask: ImageId | None = None
    prompt: Annotated[str, Field(max_length=4000)] = ""
    negative_prompt: Annotated[str, Field(max_length=4000)] = ""
    width: Annotated[int, Field(ge=64, le=4096, multiple_of=16)] | None = None
    height: Annotated[int, Field(ge=64, le=4096, multiple_of=16)] | None = None
    preset: Preset = Preset.QUALITY
    num_inference_steps: Annotated[int, Field(ge=1, le=100)] = 40
    guidance_scale: Annotated[float, Field(ge=0, le=30)] | None = None
    """Has no effect of its own on Qwen-Image-Edit: it stands for a ``true_cfg_scale`` that is not given."""
    true_cfg_scale: Annotated[float, Field(ge=0, le=30)] = 4.0
    """Classifier-free guidance; at most 1 turns it off."""
    scheduler_shift: Annotated[float, Field(gt=0, le=20)] | None = None
    """Static shift of the flow-matching schedule; None is the checkpoint's own, which depends on the size."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    input_quality: InputQuality = InputQuality.RESIZED
    mask_tool_type: MaskTool = MaskTool.BRUSH
    mask_area: MaskArea = MaskArea.WHITE
    enable_mae_refinement: bool = True
    enable_flowmatch_scheduler: bool = False
    enable_debug: bool = False
    angle: Annotated[str, Field(max_length=100)] | None = None
    background_preset: Annotated[str, Field(max_length=100)] | None = None
    preview_every: Annotated[int, Field(ge=0, le=100)] = 0
    """Steps between two previews of what is being denoised; 0 is none."""

    @model_validator(mode="before")
    @classmethod
    def _fill_by_preset(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        given = {name: value for name, value in fields.items() if value is not None}
        preset = given.get("preset", Preset.QUALITY)
        if preset not in set(Preset):
            return fields  # the field's own check names it
        scale = {"true_cfg_scale": given["guidance_scale"]} if "guidance_scale" in given else {}
        return {**PRESETS[Preset(preset)], **scale, **given}

    @model_validator(mode="after")
    def _has_its_images(self) -> Self:
        if self.operation is Operation.TEXT_TO_IMAGE:
            if not self.prompt.strip():
                raise PydanticCustomError(ErrorCode.PARAMETER_INVALID, "text-to-image needs a prompt.")
            return self
        if self.photo is None:
            raise PydanticCustomError(
                ErrorCode.IMAGE_MISSING, "The photo to edit is missing: input_image over HTTP, photo in Python."
            )
        if self.operation in {Operation.REMOVAL, Operation.INSERTION} and self.mask is None:
            raise PydanticCustomError(
                ErrorCode.MASK_MISSING,
                "A mask is missing, white where the photo may change: conditional_images[0] in JSON, mask in forms, "
                "Python and on the command line.",
            )
        if self.operation is Operation.INSERTION and self.reference is None:
            raise PydanticCustomError(
                ErrorCode.REFERENCE_MISSING,
                "The image that holds the object to insert is missing: reference_image over HTTP, reference in Python.",
            )
        return self


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a job, as its event stream keeps it."""

    id: str
    """Position in the stream; grows with time, usable as Last-Event-ID."""
    state: State
    progress: float
    step: int
    total_steps: int
    message: str
    preview: str | None
    """Id of a small image of the state of the work."""
    at: float
    """Unix seconds by the ledger's clock."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended in ``error``."""

    code: ErrorCode
    detail: str


@dataclass(frozen=True, slots=True)
class Job:
    """The record of a job at one moment. Times are Unix seconds by the ledger's clock."""

    id: str
    edit: Edit
    owner: str
    priority: Priority
    state: State
    stage: Stage
    created_at: float
    enqueued_at: float
    started_at: float | None
    finished_at: float | None
    lease_until: float
    attempts: int
    launch: str
    progress: float
    step: int
    total_steps: int
    message: str
    preview: str | None
    request_id: str
    webhook: str | None
    worker: str
    traceparent: str = ""
    """What the job's trace hangs below (W3C); empty if it was submitted without one."""
    parts: dict[Role, str] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    failure: Failure | None = None
    queue_position: int | None = None
    """Jobs before this one in the line before its pool; None once it is being generated."""
    typical_seconds: float | None = None
    """Learned duration of this operation on the engine that served it last; None before the first."""

    @property
    def error(self) -> DarkroomError | None:
        """What stands in the place of a result: why there is none, or none yet; None if there is one."""
        if self.state is State.DONE:
            return None
        if self.failure is not None:
            return error_of(self.failure.code, self.failure.detail)
        if self.state is State.CANCELLED:
            return ConflictError(ErrorCode.JOB_CANCELLED, "The job was cancelled.")
        return ConflictError(ErrorCode.RESULT_NOT_READY, f"The job is {self.state}; its result is not ready.")
