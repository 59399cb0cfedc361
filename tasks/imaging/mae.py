"""The MAE condition: the photo with the masked area inpainted as a smooth preview."""

from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging import composite, masks
from tasks.jobs import MaskTool

BRUSH_GROWTH: Final = 35
"""Pixels by which a brush mask grows, on a photo whose longer side has ``BRUSH_REFERENCE`` pixels."""
BRUSH_REFERENCE: Final = 1024
CONTEXT: Final = 16
"""Pixels of photo kept around the hole at the working size; inpainting looks ``RADIUS`` far."""
RADIUS: Final = 3
MAX_HOLE: Final = 90_000
"""Pixels inpainted at most: about 0.1 s. A larger hole is filled at a smaller size; the fill is smooth anyway."""


class Method(StrEnum):
    """cv2's inpainting methods."""

    TELEA = "telea"
    """Telea 2004, fast marching."""
    NS = "ns"
    """Bertalmio, Bertozzi & Sapiro 2001, Navier-Stokes."""


_FLAGS: Final = {Method.TELEA: cv2.INPAINT_TELEA, Method.NS: cv2.INPAINT_NS}


def mae(
    photo: NDArray[np.uint8],
    mask: masks.Mask,
    *,
    tool: MaskTool = MaskTool.BRUSH,
    method: Method = Method.TELEA,
) -> NDArray[np.uint8]:
    """Inpaint the masked area of an H × W × 3 photo; pixels outside ``hole(mask, tool)`` are kept exactly.

    Bounded time: at most ``MAX_HOLE`` pixels are inpainted. Raises ``InputError(mask_empty)``.
    """
    masks.require_non_empty(mask)
    area = hole(mask, tool)
    if area.all():
        return np.full_like(photo, np.rint(photo.mean(axis=(0, 1))))
    scale = min(1.0, (MAX_HOLE / cv2.countNonZero(area)) ** 0.5)
    x0, y0, x1, y1 = masks.grow(masks.bounding_box(area), round(CONTEXT / scale), area.shape)
    box = np.s_[y0:y1, x0:x1]
    edited = photo.copy()
    edited[box] = _inpaint(photo[box], area[box], scale, _FLAGS[method])
    return composite.inside(photo, edited, area)


def hole(mask: masks.Mask, tool: MaskTool) -> masks.Mask:
    """Return the area that is inpainted: a box as drawn, a brush stroke grown to the photo's scale."""
    if tool is MaskTool.BOX:
        return mask
    return masks.dilate(mask, BRUSH_GROWTH * max(mask.shape) / BRUSH_REFERENCE)


def _inpaint(photo: NDArray[np.uint8], area: masks.Mask, scale: float, flag: int) -> NDArray[np.uint8]:
    if scale == 1.0:
        return np.asarray(cv2.inpaint(photo, area, RADIUS, flag), np.uint8)
    size = tuple(max(2, round(side * scale)) for side in area.shape[::-1])
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    # Every small pixel that the hole touches is filled, or the object's rim would bleed into the preview.
    touched = np.where(cv2.resize(area, size, interpolation=cv2.INTER_AREA) > 0, np.uint8(255), np.uint8(0))
    filled = cv2.inpaint(small, touched, RADIUS, flag)
    return np.asarray(cv2.resize(filled, area.shape[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
