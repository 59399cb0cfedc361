"""The pictures of an edit: what the model is given, and the photo with what it made."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.engines import RGB, Inputs, Mask
from tasks.errors import ErrorCode, InputError
from tasks.imaging import composite, geometry, masks, placement
from tasks.jobs import Operation

SEAM: Final = 0.004
"""Width of the soft seam inside a mask, as a part of the photo's shorter side: 4 pixels of 1024."""
SEAM_OF_MASK: Final = 0.25
"""The seam's largest part of the mask's inner radius: in a thin mask the old pixels would show through."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One image given to the model, and a name of its content."""

    picture: Image.Image
    id: str


def require_images(inputs: Inputs) -> None:
    """Raise ``InputError`` (image_missing, mask_missing, mask_empty) unless the operation has its images."""
    operation = inputs.edit.operation
    if operation is Operation.TEXT_TO_IMAGE:
        return
    if inputs.photo is None:
        raise InputError(ErrorCode.IMAGE_MISSING, "Send the photo to edit.")
    if operation is not Operation.WHITE_BALANCE:
        if inputs.mask is None:
            raise InputError(ErrorCode.MASK_MISSING, "Send a mask: white where the photo may change.")
        masks.require_non_empty(inputs.mask)


def conditions(inputs: Inputs) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """Return the conditions in the trained order, and notes.

    For an insertion, the object is put into the black area of the masked background at the place where it fits: a
    hint of what goes where, at which size.
    """
    ids = inputs.condition_ids or tuple(_content_id(array) for array in inputs.conditions)
    if inputs.edit.operation is not Operation.INSERTION or inputs.mask is None:
        return _given(inputs.conditions, ids), ()
    reference, mask, background = inputs.conditions
    try:
        cutout = placement.isolate(reference)
    except InputError:
        return _given(inputs.conditions, ids), (
            "The object could not be told from the white around it, so the model got no hint of its place.",
        )
    hint = _placed(background, cutout, mask)
    hint_id = hashlib.sha256("placed ".join(ids).encode()).hexdigest()
    return _given((reference, mask, hint), (*ids[:2], hint_id)), ()


def _placed(background: RGB, cutout: NDArray[np.uint8], mask: Mask) -> RGB:
    """Lay the object over the black area as it is: fitting its light to the scene is the model's part."""
    where = placement.choose_place(cutout, mask)
    box = np.s_[where.y : where.y + where.height, where.x : where.x + where.width]
    scaled = geometry.scale(cutout, where.width, where.height)
    hint = background.copy()
    hint[box] = composite.over(scaled[..., :3], np.minimum(scaled[..., 3], mask[box]), background[box])
    return hint


def _given(arrays: Sequence[NDArray[np.uint8]], ids: Sequence[str]) -> tuple[Condition, ...]:
    return tuple(
        Condition(Image.fromarray(array).convert("RGB"), content) for array, content in zip(arrays, ids, strict=True)
    )


def _content_id(array: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(repr(array.shape).encode())
    digest.update(array.tobytes())
    return digest.hexdigest()


def put_back(inputs: Inputs, picture: RGB) -> RGB:
    """Return the photo with what was generated in the place of its masked area; without a mask, all of it.

    ``picture`` is H × W × 3 at any size, the result at the photo's.
    """
    photo, mask = inputs.photo, inputs.mask
    if photo is None or inputs.edit.operation is Operation.TEXT_TO_IMAGE:
        return picture
    height, width = photo.shape[:2]
    scaled = geometry.scale(picture, width, height)
    return scaled if mask is None else composite.inside(photo, scaled, mask, feather=_seam(mask))


def _seam(mask: Mask) -> float:
    """Return the width in pixels of the soft seam inside a mask."""
    inner_radius = float(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_3).max())
    height, width = mask.shape
    return min(SEAM * float(min(height, width)), SEAM_OF_MASK * inner_radius)
