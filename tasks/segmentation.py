"""Smart masks as tasks (``tasks.smart_masks`` says what they are).

``segment`` finds everything in a photo once, on the segmentation pool, and keeps the masks beside the photo;
``smart_mask`` chooses among them for each click, wherever it runs. Both take an image that their ``owner`` has put,
as masks are kept for all who have put the same bytes.
Errors: ``InputError`` for what the caller has to change, ``NotFoundError`` for an image that is not the owner's,
``ConflictError`` (request_cancelled, and result_not_ready where ``segment`` has to come first).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np
from celery.result import AsyncResult
from numpy.typing import NDArray

from tasks import imaging, smart_masks
from tasks.app import app
from tasks.engines import RGB, Mask, RefinerName, SegmentationEngine, SegmenterName
from tasks.errors import ConflictError, ErrorCode, InputError
from tasks.image_utils import UtilityTask
from tasks.imaging.mask_check import THRESHOLD
from tasks.imaging.probe import Format
from tasks.options import MaskModel, SmartMaskOptions
from tasks.queues import Queue
from tasks.settings import settings
from tasks.smart_masks import Candidate, MaskSource, Segmenter, SmartMask
from tasks.store import LOCAL_OWNER, ImageMetadata
from tasks.validation import validated


class Segmented(TypedDict):
    """What ``segment`` returns."""

    image_id: str
    masks: int
    """How many instances are kept."""


class MaskTask(UtilityTask):
    """Goes to a pool that can carry it out; does nothing for a request that was cancelled."""

    abstract = True

    def apply_async(
        self, args: tuple[Any, ...] | None = None, kwargs: dict[str, Any] | None = None, **options: Any
    ) -> AsyncResult:
        """Send the task, to ``queue`` if one is given. Raises ``InputError`` for options that it would refuse."""
        queue = options.pop("queue", None) or self.queue_of(kwargs or {})
        return super().apply_async(args, kwargs, queue=queue, **options)

    def queue_of(self, _: Mapping[str, Any]) -> Queue:
        """Return where the task can be carried out with these keywords."""
        return Queue.SEGMENTATION

    def require_wanted(self, owner: str, request_id: str | None) -> None:
        """Raise ``ConflictError`` (request_cancelled) if the request was cancelled."""
        if request_id and self.ledger.client.exists(smart_masks.cancelled_key(owner, request_id)):
            raise ConflictError(ErrorCode.REQUEST_CANCELLED, f"The request {request_id} was cancelled.")

    @property
    def engine(self) -> SegmentationEngine:
        """The model of this worker. Raises ``InputError`` (engine_unsupported) where none is loaded."""
        engine = self.app.runtime.segmenter
        if engine is None:
            raise InputError(
                ErrorCode.ENGINE_UNSUPPORTED,
                "No segmentation model is loaded here, so there are no masks to make beforehand: start the "
                f"segmentation workers with SEGMENTATION_ENGINE=fastsam, or call {smart_masks.SMART_MASK_TASK} alone.",
            )
        return engine

    def segmenter(self) -> Segmenter:
        """Return what the segmentation pool said that it runs."""
        return smart_masks.read_segmenter(self.ledger.client.get(smart_masks.SEGMENTER_KEY))


class ClickTask(MaskTask):
    """Runs on the CPU pool where it can."""

    abstract = True

    def queue_of(self, given: Mapping[str, Any]) -> Queue:
        """Return where a click with these keywords is resolved. Raises ``InputError``."""
        options = {name: value for name, value in given.items() if name in SmartMaskOptions.model_fields}
        return smart_masks.queue_of(
            validated(SmartMaskOptions, options), settings().segmentation_engine, self.segmenter()
        )


@app.task(bind=True, base=MaskTask)
def segment(self: MaskTask, image_id: str, *, owner: str = LOCAL_OWNER, request_id: str | None = None) -> Segmented:
    """Find everything in a photo and keep the masks; those that are kept already are not made again."""
    self.require_wanted(owner, request_id)
    store, engine = self.app.runtime.store, self.engine
    store.metadata(image_id, owner=owner)
    kept = store.open_derived(image_id, engine.masks_key)
    if kept is not None:
        return Segmented(image_id=image_id, masks=len(imaging.instances.Instances.from_bytes(kept)))
    photo = imaging.codec.decode_rgb(self.open(image_id))
    self.require_wanted(owner, request_id)
    found = engine.segment(photo)
    store.put_derived(image_id, engine.masks_key, found.to_bytes())
    return Segmented(image_id=image_id, masks=len(found))


@app.task(bind=True, base=ClickTask)
def smart_mask(
    self: ClickTask,
    image_id: str,
    guidance_id: str | None = None,
    *,
    owner: str = LOCAL_OWNER,
    request_id: str | None = None,
    **options: Any,
) -> SmartMask:
    """Mask what the prompts mean (``SmartMaskOptions``); ``guidance_id`` is an image with white brush strokes."""
    wanted = validated(SmartMaskOptions, options)
    self.require_wanted(owner, request_id)
    photo = _Photo(self, self.app.runtime.store.metadata(image_id, owner=owner), request_id)
    prompt = prompt_of(wanted, photo.size, photo.strokes(guidance_id))
    found = _find(photo, prompt, wanted.candidate)
    refined = _refine(photo, found.mask) if wanted.model_type is MaskModel.BIREFNET else None
    mask = finished(found.mask if refined is None else refined.mask, wanted)
    kept = self.keep(imaging.codec.encode(mask, Format.PNG), owner)
    solid = imaging.masks.binarise(mask)
    return SmartMask(
        **kept,
        box=imaging.masks.bounding_box(solid),
        area=int(np.count_nonzero(solid)),
        candidates=found.candidates,
        candidate=wanted.candidate,
        model_used=found.source,
        refined_with=refined.by if refined else None,
    )


def prompt_of(options: SmartMaskOptions, size: tuple[int, int], strokes: Mask | None) -> "imaging.selection.Prompt":
    """Return the prompts as pixels of a photo of ``size`` (width, height): clipped to it, and cut down to integers.

    Raises ``InputError``: prompt_outside for what lies more than a pixel outside, parameter_invalid for an empty box.
    """
    corners = () if options.bbox is None else (options.bbox[:2], options.bbox[2:])
    for point in (*options.points, *corners):
        _require_inside(point, size)
    return imaging.selection.Prompt(
        box=_box(options.bbox, size) if options.bbox else None,
        include=[_pixel(point, size) for point in options.include],
        exclude=[_pixel(point, size) for point in options.exclude],
        strokes=strokes,
    )


def finished(mask: Mask, options: SmartMaskOptions) -> NDArray[np.uint8]:
    """Return the mask as the client gets it: whole, with its border where it was asked for.

    Raises ``InputError`` (nothing_found) if nothing of it is left.
    """
    whole = imaging.finish.finish(mask, border_adjustment=options.border_adjustment, soft=options.use_blur)
    if not (whole >= THRESHOLD).any():
        raise InputError(
            ErrorCode.NOTHING_FOUND,
            f"Nothing is left of the mask with its border changed (border_adjustment {options.border_adjustment}).",
        )
    return whole


class _Photo:
    """The photo of a click, decoded only if somebody looks at its pixels: most clicks need its masks only."""

    def __init__(self, task: MaskTask, metadata: ImageMetadata, request_id: str | None) -> None:
        self.id = metadata.id
        self.size = metadata.width, metadata.height
        self.task = task
        self._owner = metadata.owner
        self._request_id = request_id

    @cached_property
    def pixels(self) -> RGB:
        """The photo, for what takes long. Raises ``ConflictError`` (request_cancelled)."""
        pixels = imaging.codec.decode_rgb(self.task.open(self.id))
        self.task.require_wanted(self._owner, self._request_id)
        return pixels

    def strokes(self, guidance_id: str | None) -> Mask | None:
        """Return the brush strokes. Raises ``InputError`` (mask_empty, mask_mismatch)."""
        if guidance_id is None:
            return None
        width, height = self.size
        strokes = imaging.masks.fit_mask(imaging.codec.decode_mask(self.task.open(guidance_id)), height, width)
        imaging.masks.require_non_empty(strokes)
        return strokes


@dataclass(frozen=True, slots=True)
class _Found:
    mask: Mask
    candidates: list[Candidate]
    source: MaskSource


@dataclass(frozen=True, slots=True)
class _Refined:
    mask: Mask
    by: RefinerName


def _find(photo: _Photo, prompt: "imaging.selection.Prompt", candidate: int) -> _Found:
    """Choose among the kept masks; where there is none for the prompt, or no model, GrabCut outlines the object."""
    instances = _instances(photo) if settings().segmentation_engine is SegmenterName.FASTSAM else None
    choices = imaging.selection.choose(instances, prompt) if instances else []
    if instances is None or not choices:
        return _outlined(photo, prompt, candidate)
    _require_candidate(candidate, len(choices))
    mask = instances.mask(choices[candidate])
    return _Found(mask, [_candidate(instances, choice) for choice in choices], MaskSource.FASTSAM)


def _instances(photo: _Photo) -> "imaging.instances.Instances":
    key = photo.task.segmenter().masks_key
    data = photo.task.app.runtime.store.open_derived(photo.id, key) if key else None
    if data is None:
        raise ConflictError(
            ErrorCode.RESULT_NOT_READY,
            f"The masks of this image have not been made yet: call {smart_masks.SEGMENT_TASK} first.",
        )
    return imaging.instances.Instances.from_bytes(data)


def _candidate(instances: "imaging.instances.Instances", choice: Sequence[int]) -> Candidate:
    score = float(min(instances.scores[list(choice)]))
    if len(choice) == 1:
        return Candidate(box=instances.box(choice[0]), area=int(instances.areas[choice[0]]), score=score)
    return _described(instances.mask(choice), score)


def _outlined(photo: _Photo, prompt: "imaging.selection.Prompt", candidate: int) -> _Found:
    _require_candidate(candidate, 1)
    mask = imaging.outline.outline(
        photo.pixels, box=prompt.box, include=prompt.include, exclude=prompt.exclude, strokes=prompt.strokes
    )
    if not mask.any():
        raise InputError(
            ErrorCode.NOTHING_FOUND,
            "Nothing was found there: mark another place of the object, or draw a box around it.",
        )
    return _Found(mask, [_described(mask, 1.0)], MaskSource.OPENCV)


def _described(mask: Mask, score: float) -> Candidate:
    return Candidate(box=imaging.masks.bounding_box(mask), area=int(np.count_nonzero(mask)), score=score)


def _require_candidate(candidate: int, there_are: int) -> None:
    if candidate >= there_are:
        raise InputError(
            ErrorCode.PARAMETER_INVALID,
            f"candidate: the prompt can mean {there_are} of the masks; candidates count from 0.",
        )


def _refine(photo: _Photo, mask: Mask) -> _Refined:
    refiner = photo.task.app.runtime.refiner
    if refiner is None:
        return _Refined(imaging.outline.refine(photo.pixels, mask), RefinerName.GRABCUT)
    return _Refined(refiner.refine(photo.pixels, mask), refiner.name)


def _require_inside(point: tuple[float, float], size: tuple[int, int]) -> None:
    # A pixel more: clients round, and a click on the rim of a scaled view is meant to hit.
    if not all(-1 <= place <= side + 1 for place, side in zip(point, size, strict=True)):
        x, y = point
        raise InputError(
            ErrorCode.PROMPT_OUTSIDE,
            f"({x:g}, {y:g}) lies outside the photo, which is {size[0]} × {size[1]} pixels; coordinates are pixels of "
            "the upright photo.",
        )


def _pixel(point: tuple[float, float], size: tuple[int, int]) -> tuple[int, int]:
    return _clip(point[0], size[0] - 1), _clip(point[1], size[1] - 1)


def _box(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (_clip(place, side) for place, side in zip(box, size * 2, strict=True))
    if x0 >= x1 or y0 >= y1:
        raise InputError(
            ErrorCode.PARAMETER_INVALID,
            "bbox: give x0, y0, x1, y1 with x0 < x1 and y0 < y1; the box has to hold at least one pixel.",
        )
    return x0, y0, x1, y1


def _clip(place: float, limit: int) -> int:
    return min(max(int(place), 0), limit)
