"""Isolating an object: the reference condition of an insertion, and the background without the masked area."""

from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging import geometry
from tasks.imaging.composite import over
from tasks.imaging.masks import Mask, bounding_box, grow

SMALL_CANVAS: Final = 512
LARGE_CANVAS: Final = 1024
MARGIN: Final = 1 / 32
"""Free border around the object, as a fraction of the canvas."""
FEATHER: Final = 1.0
"""Sigma in pixels of the object's soft edge."""
WHITE_LEVEL: Final = 250
"""A canvas pixel whose darkest channel reaches this counts as background, if it is connected to the border."""


class Backdrop(StrEnum):
    """What lies around the extracted object."""

    WHITE = "white"
    TRANSPARENT = "transparent"


def extract(image: NDArray[np.uint8], mask: Mask, *, backdrop: Backdrop = Backdrop.WHITE) -> NDArray[np.uint8]:
    """Cut the masked object out of an H × W × 3 or H × W × 4 image and centre it on a square canvas.

    The canvas has 512 pixels a side if the object fits with its margin, else 1024, to which it is shrunk if needed;
    it is never enlarged. Returns S × S × 3 on white, or S × S × 4. The edge is feathered inwards, so that nothing of
    the old background shows. Raises ``InputError(mask_empty)``.
    """
    x0, y0, x1, y1 = grow(bounding_box(mask), 2, mask.shape)
    cut = image[y0:y1, x0:x1]
    alpha = soft_alpha(mask[y0:y1, x0:x1])
    if image.shape[2] == 4:
        alpha = np.minimum(alpha, cut[..., 3])
    cutout = np.dstack((cut[..., :3], alpha))
    return _centre(cutout, backdrop)


def masked_background(photo: NDArray[np.uint8], mask: Mask) -> NDArray[np.uint8]:
    """Return the H × W × 3 photo with the masked area black."""
    result = photo.copy()
    result[mask > 0] = 0
    return result


def soft_alpha(mask: Mask) -> NDArray[np.uint8]:
    """Return H × W opacity, 0–255: 0 outside the mask, a soft edge of about two pixels inside it.

    What touches the border of the picture is cut off there already and keeps its hard edge.
    """
    framed = cv2.copyMakeBorder(mask, 4, 4, 4, 4, cv2.BORDER_REPLICATE)
    core = cv2.erode(framed, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    blurred = cv2.GaussianBlur(core, (0, 0), FEATHER)
    return np.asarray(np.minimum(blurred, framed)[4:-4, 4:-4], np.uint8)


def white_canvas_alpha(canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the opacity, H × W, 0–255, of an object on a white H × W × 3 canvas.

    Background is what is nearly white and connected to the border, so white parts of the object stay.
    """
    nearly_white = cv2.inRange(canvas, (WHITE_LEVEL,) * 3, (255,) * 3)
    framed = cv2.copyMakeBorder(nearly_white, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255,))
    cv2.floodFill(framed, None, (0, 0), (128,))
    solid = np.where(framed[1:-1, 1:-1] == 128, np.uint8(0), np.uint8(255))
    return soft_alpha(np.asarray(solid, np.uint8))


def _centre(cutout: NDArray[np.uint8], backdrop: Backdrop) -> NDArray[np.uint8]:
    longer = max(cutout.shape[:2])
    side = SMALL_CANVAS if longer <= _room(SMALL_CANVAS) else LARGE_CANVAS
    if longer > _room(side):
        cutout = geometry.resize(cutout, width=_room(side), height=_room(side))
    height, width = cutout.shape[:2]
    x, y = (side - width) // 2, (side - height) // 2
    canvas = np.zeros((side, side, 4), np.uint8)
    canvas[y : y + height, x : x + width] = cutout
    return canvas if backdrop is Backdrop.TRANSPARENT else over(canvas[..., :3], canvas[..., 3], 255)


def _room(side: int) -> int:
    return int(side * (1 - 2 * MARGIN))
