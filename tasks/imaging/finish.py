"""Finishing a mask that an engine found: no holes, no crumbs, a border where it was asked for, a soft edge."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.masks import Mask, bounding_box, dilate, grow

CRUMB: Final = 0.02
"""Share of the largest part's pixels under which a part is an island to drop."""
SOFTNESS: Final = 0.004
"""Standard deviation of a soft edge as a share of the object's size (the root of its area): 1 px for 250 × 250."""
SOFTEST: Final = 4.0
"""Pixels: the widest standard deviation, so that the soft edge of a large object still lies on its outline."""


def finish(mask: Mask, *, border_adjustment: int = 0, soft: bool = False) -> NDArray[np.uint8]:
    """Return the H × W mask without holes and islands, its border moved, 0 or 255 unless ``soft``.

    A hole is black that no path through edge neighbours joins to the mask's edge; every hole is filled. An island is
    a part (joined through edges or corners) smaller than ``CRUMB`` of the largest part; islands are dropped after
    the holes are filled. Then the border moves outwards by ``border_adjustment`` pixels, or inwards where that is
    negative, by exact distance between pixel centres; the photo's edge is no border of the object and does not move.
    What is left may be empty: the caller decides what that means.

    ``soft`` blurs the result with a Gaussian of ``SOFTNESS`` of the object's size, between 1 and ``SOFTEST`` pixels:
    values 0 to 255 on both sides of the border, unchanged at 3 standard deviations from it.
    """
    if not mask.any():
        return mask.copy()
    whole = _move_border(_without_islands(_filled(mask)), border_adjustment)
    return _softened(whole) if soft else whole


def _filled(mask: Mask) -> Mask:
    """Fill what is black and cut off from a frame around the mask."""
    x0, y0, x1, y1 = bounding_box(mask)
    framed = cv2.copyMakeBorder(mask[y0:y1, x0:x1], 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    cv2.floodFill(framed, None, (0, 0), (128,), flags=4)
    filled = np.zeros_like(mask)
    filled[y0:y1, x0:x1][framed[1:-1, 1:-1] != 128] = 255
    return filled


def _without_islands(mask: Mask) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= CRUMB * areas.max()
    kept[0] = False
    return np.where(kept[labels], np.uint8(255), np.uint8(0))


def _move_border(mask: Mask, pixels: int) -> Mask:
    if pixels >= 0:
        return dilate(mask, pixels)
    if mask.all():
        return mask.copy()
    x0, y0, x1, y1 = grow(bounding_box(mask), 1, mask.shape)
    distance = cv2.distanceTransform(mask[y0:y1, x0:x1], cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    shrunk = np.zeros_like(mask)
    shrunk[y0:y1, x0:x1][distance > -pixels] = 255
    return shrunk


def _softened(mask: Mask) -> NDArray[np.uint8]:
    sigma = float(np.clip(SOFTNESS * np.sqrt(cv2.countNonZero(mask)), 1.0, SOFTEST))
    radius = int(np.ceil(3 * sigma))
    return np.asarray(
        cv2.GaussianBlur(mask, (2 * radius + 1, 2 * radius + 1), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8
    )
