"""Smart masks as clients see them: the tasks' names, their replies, and where a click is computed.

With the ``fastsam`` engine all instances of a photo are found once, on the segmentation pool, and kept; every click is
then resolved from them on the CPU pool, also while the segmentation pool sleeps. With ``opencv`` each click is computed
by GrabCut on the segmentation pool. Nothing here loads cv2 or a model.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict

from tasks.engines import RefinerName, SegmenterName
from tasks.options import MaskModel, SmartMaskOptions
from tasks.queues import Queue

SEGMENT_TASK = "tasks.segmentation.segment"
SMART_MASK_TASK = "tasks.segmentation.smart_mask"

SEGMENTER_KEY = "darkroom:segmenter"
"""Where the segmentation pool says what it runs; it stays when the pool falls asleep."""

CANCEL_SECONDS = 600
"""How long a cancelled request stays cancelled, and how long a message of one lives."""


class Segmenter(BaseModel):
    """What the segmentation pool runs, as its last worker told."""

    model_config = ConfigDict(frozen=True)

    masks_key: str | None = None
    """Names model and parameters of the stored masks; None where clicks need none."""
    refiner: RefinerName = RefinerName.GRABCUT


class MaskSource(StrEnum):
    """What a mask came from."""

    FASTSAM = "fastsam"
    OPENCV = "opencv"


class Candidate(TypedDict):
    """One of the masks that a prompt can mean, the likeliest first (``tasks.imaging.selection``)."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels of the photo, x1 and y1 exclusive."""
    area: int
    """Pixels."""
    score: float
    """The model's confidence, 0–1; 1 where no model says."""


class SmartMask(TypedDict):
    """What ``smart_mask`` returns; the mask is a PNG in the store, of the photo's size."""

    image_id: str
    format: str
    width: int
    height: int
    box: tuple[int, int, int, int]
    area: int
    candidates: list[Candidate]
    candidate: int
    """The index of the chosen one."""
    model_used: MaskSource
    refined_with: RefinerName | None


def queue_of(options: SmartMaskOptions, engine: SegmenterName, segmenter: Segmenter) -> Queue:
    """Return where a click is computed: on the CPU pool, unless it needs what only the segmentation pool has."""
    needs_refiner = options.model_type is MaskModel.BIREFNET and segmenter.refiner is RefinerName.BIREFNET
    return Queue.SEGMENTATION if engine is SegmenterName.OPENCV or needs_refiner else Queue.IMAGE_UTILS


def read_segmenter(text: str | bytes | None) -> Segmenter:
    """Read what is stored under ``SEGMENTER_KEY``."""
    return Segmenter.model_validate_json(text) if text else Segmenter()


def cancelled_key(owner: str, request_id: str) -> str:
    """Return the key that exists while an owner's request is cancelled."""
    return f"darkroom:cancelled:{owner}:{request_id}"


def arguments(options: SmartMaskOptions) -> Mapping[str, Any]:
    """Return the options as a task's keywords."""
    return options.model_dump(mode="json", exclude_defaults=True)
