"""Masks: H × W uint8, 0 or 255; 255 is the area to change."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.mask_check import THRESHOLD, marks_nothing, require_same_aspect
from tasks.jobs import MaskArea

Mask = NDArray[np.uint8]


def binarise(grey: NDArray[np.uint8]) -> Mask:
    """Return 255 where the H × W picture is at least 128, else 0."""
    return np.where(grey >= THRESHOLD, np.uint8(255), np.uint8(0))


def fit_mask(mask: Mask, height: int, width: int) -> Mask:
    """Bring a mask to the photo's height and width in pixels, by nearest neighbour.

    Raises ``InputError(mask_mismatch)`` as ``mask_check.require_same_aspect``.
    """
    mask_height, mask_width = mask.shape
    if (mask_height, mask_width) == (height, width):
        return mask
    require_same_aspect((mask_width, mask_height), (width, height))
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def require_non_empty(mask: Mask, area: MaskArea = MaskArea.WHITE) -> None:
    """Raise ``InputError(mask_empty)`` if the mask marks nothing; ``area`` is how its file was to mark it."""
    if not mask.any():
        raise marks_nothing(area)


def dilate(mask: Mask, radius: float) -> Mask:
    """Grow the white area by ``radius`` pixels in every direction (a disc); the time does not depend on the radius."""
    if radius <= 0 or not mask.any():
        return mask.copy()
    x0, y0, x1, y1 = grow(bounding_box(mask), int(np.ceil(radius)), mask.shape)
    distance = cv2.distanceTransform(255 - mask[y0:y1, x0:x1], cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    grown = np.zeros_like(mask)
    grown[y0:y1, x0:x1][distance <= radius] = 255
    return grown


def bounding_box(mask: Mask) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 of the white area, x1 and y1 exclusive. Raises ``InputError(mask_empty)``."""
    require_non_empty(mask)
    x, y, width, height = cv2.boundingRect(mask)
    return x, y, x + width, y + height


def grow(box: tuple[int, int, int, int], margin: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Widen a box by ``margin`` pixels on every side, within an array of ``shape`` (H, W, …)."""
    x0, y0, x1, y1 = box
    height, width = shape[:2]
    return max(x0 - margin, 0), max(y0 - margin, 0), min(x1 + margin, width), min(y1 + margin, height)
