"""Putting an isolated object into the masked area of a photo."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging import geometry, masks
from tasks.imaging.composite import over
from tasks.imaging.extract import white_canvas_alpha
from tasks.imaging.mask_check import THRESHOLD

SEARCH_SIDE: Final = 96
"""Longer side in pixels of the mask on which places are tried."""
SHRINKS: Final = tuple(0.93**step for step in range(12))
"""Sizes tried, largest first, as fractions of what fits the mask's bounding box."""
ENOUGH_INSIDE: Final = 0.985
"""A place is good if this much of the object lies inside the mask."""
SOLID: Final = 250
"""Opacity from which a colour is the object's own, not mixed with the old background."""
TINT: Final = 0.3
"""How far the object's mean colour is moved towards that of its new surroundings, in linear exposure."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object goes: its box in the photo, in pixels."""

    x: int
    y: int
    width: int
    height: int


def isolate(canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the object on a white S × S × 3 canvas as H × W × 4, cut to its bounding box.

    Colours at the soft edge are taken from the nearest solid part, so that no white rim is carried along.
    Raises ``InputError(mask_empty)`` if the canvas is all white.
    """
    alpha = white_canvas_alpha(canvas)
    x0, y0, x1, y1 = masks.bounding_box(masks.binarise(alpha) if alpha.max() >= THRESHOLD else alpha)
    alpha = alpha[y0:y1, x0:x1]
    return np.dstack((_own_colours(canvas[y0:y1, x0:x1], alpha), alpha))


def choose_place(cutout: NDArray[np.uint8], mask: masks.Mask) -> Place:
    """Find the largest place for an H × W × 4 object inside the mask, lowest first, then nearest to the middle.

    The aspect ratio is kept. If the object fits nowhere without being cut, the place that cuts least is taken.
    """
    x0, y0, x1, y1 = masks.bounding_box(mask)
    box_width, box_height = x1 - x0, y1 - y0
    plan = geometry.plan_resize(cutout.shape[1], cutout.shape[0], width=box_width, height=box_height, upscale=True)
    coarse = min(1.0, SEARCH_SIDE / max(box_width, box_height))
    room = _shrink(mask[y0:y1, x0:x1], box_width * coarse, box_height * coarse)
    _share, shrink, x, y = _search(room, cutout[..., 3], plan.scaled[0] * coarse, plan.scaled[1] * coarse)
    width, height = max(1, round(plan.scaled[0] * shrink)), max(1, round(plan.scaled[1] * shrink))
    return Place(
        x0 + min(round(x / coarse), box_width - width),
        y0 + min(round(y / coarse), box_height - height),
        width,
        height,
    )


def place(photo: NDArray[np.uint8], cutout: NDArray[np.uint8], mask: masks.Mask, where: Place) -> NDArray[np.uint8]:
    """Return the H × W × 3 photo with the H × W × 4 object at its place; pixels outside the mask are kept exactly."""
    box = np.s_[where.y : where.y + where.height, where.x : where.x + where.width]
    scaled = geometry.scale(cutout, where.width, where.height)
    alpha = np.minimum(scaled[..., 3], mask[box])
    result = photo.copy()
    result[box] = over(_tinted(scaled[..., :3], alpha, photo[box]), alpha, photo[box])
    return result


def _own_colours(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    solid = alpha >= SOLID
    if not solid.any():
        return colours
    _, labels = cv2.distanceTransformWithLabels(
        (~solid).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    lookup[labels[solid]] = colours[solid]
    return np.asarray(lookup[labels], np.uint8)


def _shrink(picture: NDArray[np.uint8], width: float, height: float) -> NDArray[np.float32]:
    size = max(1, round(width)), max(1, round(height))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)


def _search(
    room: NDArray[np.float32], alpha: NDArray[np.uint8], width: float, height: float
) -> tuple[float, float, int, int]:
    """Return the share inside, the shrink, and x, y of the best place in ``room``."""
    best = (-1.0, 1.0, 0, 0)
    for shrink in SHRINKS:
        shape = _shrink(alpha, min(width * shrink, room.shape[1]), min(height * shrink, room.shape[0]))
        shares = cv2.matchTemplate(room, shape, cv2.TM_CCORR) / max(float(shape.sum()), 1e-6)
        share = float(shares.max())
        if share > best[0] + 0.005:
            best = (share, shrink, *_lowest(shares >= share - 0.002))
        if share >= ENOUGH_INSIDE:
            break
    return best


def _lowest(good: NDArray[np.bool_]) -> tuple[int, int]:
    y, x = np.nonzero(good)
    row = x[y == y.max()]
    return int(row[np.abs(row - (good.shape[1] - 1) / 2).argmin()]), int(y.max())


def _tinted(colours: NDArray[np.uint8], alpha: NDArray[np.uint8], around: NDArray[np.uint8]) -> NDArray[np.uint8]:
    weight = alpha.astype(np.float32) / 255
    if weight.sum() < 1 or (1 - weight).sum() < 1:
        return colours
    own = np.average(colours.reshape(-1, 3), axis=0, weights=weight.ravel())
    other = np.average(around.reshape(-1, 3), axis=0, weights=1 - weight.ravel())
    gain = np.clip((other + 8) / (own + 8), 0.4, 2.5) ** TINT
    return np.asarray(np.clip(np.rint(colours * gain), 0, 255), np.uint8)
