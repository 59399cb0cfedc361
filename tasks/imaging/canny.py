"""Edge maps: the condition that keeps a white-balanced photo's structure."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.errors import ErrorCode, InputError

SPREAD: Final = 0.33
"""Auto thresholds lie this fraction below and above the median brightness."""
BILATERAL_DIAMETER: Final = 7
BILATERAL_SIGMA: Final = 50


def canny(photo: NDArray[np.uint8], *, low: float | None = None, high: float | None = None) -> NDArray[np.uint8]:
    """Find edges in an H × W × 3 photo: H × W, 255 on edges, else 0.

    The grey photo is smoothed by a bilateral filter (Tomasi & Manduchi 1998), then Canny's detector (1986) runs with
    the thresholds given, on its gradient scale, or median × (1 ± ``SPREAD``) clipped to 0–255.
    Raises ``InputError(parameter_invalid)`` if only one threshold is given or they are not 0 ≤ low ≤ high.
    """
    grey = cv2.cvtColor(photo[..., :3], cv2.COLOR_RGB2GRAY)
    smooth = np.asarray(cv2.bilateralFilter(grey, BILATERAL_DIAMETER, BILATERAL_SIGMA, BILATERAL_SIGMA), np.uint8)
    return np.asarray(cv2.Canny(smooth, *_thresholds(smooth, low, high)), np.uint8)


def _thresholds(grey: NDArray[np.uint8], low: float | None, high: float | None) -> tuple[float, float]:
    if low is None and high is None:
        median = float(np.median(grey))
        return max(0.0, median * (1 - SPREAD)), min(255.0, median * (1 + SPREAD))
    if low is None or high is None or not 0 <= low <= high < float("inf"):
        raise InputError(ErrorCode.PARAMETER_INVALID, "Give both thresholds with 0 ≤ low ≤ high, or neither.")
    return low, high
