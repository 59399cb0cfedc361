"""Putting an edit back into its photo."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.masks import Mask, bounding_box, grow

BAND: Final = 256
"""Rows that are mixed at a time."""


def inside(photo: NDArray[np.uint8], edited: NDArray[np.uint8], mask: Mask, feather: float = 0) -> NDArray[np.uint8]:
    """Return the photo with the edited pixels where the mask is 255; outside it the photo's pixels are kept exactly.

    Photo and edited are H × W × 3, the mask H × W. ``feather`` is the width in pixels of a soft seam, which lies
    inside the mask only. Raises ``ValueError`` if the shapes differ.
    """
    if photo.shape != edited.shape or photo.shape[:2] != mask.shape:
        message = f"shapes differ: {photo.shape}, {edited.shape}, {mask.shape}"
        raise ValueError(message)
    result = photo.copy()
    if not mask.any():
        return result
    x0, y0, x1, y1 = grow(bounding_box(mask), 1, mask.shape)
    box = np.s_[y0:y1, x0:x1]
    if feather > 0:
        alpha = np.rint(255 * inner_ramp(mask[box], feather)).astype(np.uint8)
        result[box] = over(edited[box], alpha, photo[box])
    else:
        np.copyto(result[box], edited[box], where=mask[box][..., None] > 0)
    return result


def inner_ramp(mask: Mask, feather: float) -> NDArray[np.float32]:
    """Return H × W float32: 0 outside the mask, rising to 1 over ``feather`` pixels inside it, smoothly."""
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    linear = np.clip(distance / (feather + 1), 0, 1)
    return np.asarray(linear * linear * (3 - 2 * linear), np.float32)


def over(above: NDArray[np.uint8], alpha: NDArray[np.uint8], below: NDArray[np.uint8] | int) -> NDArray[np.uint8]:
    """Lay H × W × 3 over H × W × 3, or over one grey level, with an H × W opacity of 0–255; rounded to nearest.

    Exactly ``below`` where the opacity is 0 and exactly ``above`` where it is 255. Works in bands of rows, so that a
    40-megapixel picture needs little memory.
    """
    result = np.empty_like(above)
    for start in range(0, above.shape[0], BAND):
        rows = np.s_[start : start + BAND]
        weight = cv2.cvtColor(alpha[rows], cv2.COLOR_GRAY2RGB).astype(np.uint16)
        ground = below if isinstance(below, int) else below[rows]
        mixed = above[rows] * weight + ground * (255 - weight) + 127
        # mixed // 255, which holds below 65,535: division is the slowest of all this.
        result[rows] = (mixed + (mixed >> 8) + 1) >> 8
    return result
