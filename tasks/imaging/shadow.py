"""A preview of an extracted object with a drop shadow."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.errors import ErrorCode, InputError
from tasks.imaging.composite import over
from tasks.imaging.extract import white_canvas_alpha
from tasks.imaging.masks import Mask, fit_mask

BACKGROUND: Final = 0xF5
"""Level of the preview's grey background, #F5F5F5."""
MAX_BLUR: Final = 255


def shadow_preview(
    extracted: NDArray[np.uint8],
    mask: Mask | None = None,
    *,
    offset: tuple[int, int] = (3, 5),
    opacity: float = 0.4,
    blur: int = 21,
) -> NDArray[np.uint8]:
    """Return H × W × 3: the object over a blurred black shadow on ``BACKGROUND``.

    ``extracted`` is H × W × 4, or H × W × 3 with a mask of the object; without one, its white backdrop is taken off.
    ``offset`` is (right, down) in pixels, ``opacity`` 0–1, ``blur`` the odd size of the Gaussian kernel in pixels.
    Raises ``InputError``: ``parameter_invalid``, or ``mask_mismatch``.
    """
    _check(opacity, blur)
    alpha = _alpha(extracted, mask)
    move = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
    moved = cv2.warpAffine(alpha, move, (alpha.shape[1], alpha.shape[0]))
    shadow = cv2.GaussianBlur(moved, (blur, blur), 0)
    ground = cv2.convertScaleAbs(shadow, alpha=-opacity * BACKGROUND / 255, beta=BACKGROUND)
    return over(extracted[..., :3], alpha, np.asarray(cv2.cvtColor(ground, cv2.COLOR_GRAY2RGB), np.uint8))


def _alpha(extracted: NDArray[np.uint8], mask: Mask | None) -> NDArray[np.uint8]:
    if mask is not None:
        return fit_mask(mask, *extracted.shape[:2])
    return extracted[..., 3] if extracted.shape[2] == 4 else white_canvas_alpha(extracted)


def _check(opacity: float, blur: int) -> None:
    if not 0 <= opacity <= 1:
        raise InputError(ErrorCode.PARAMETER_INVALID, "The shadow's opacity has to be between 0 and 1.")
    if not (1 <= blur <= MAX_BLUR and blur % 2 == 1):
        raise InputError(ErrorCode.PARAMETER_INVALID, f"The shadow's blur has to be odd, from 1 to {MAX_BLUR} pixels.")
