"""Finding the main object of a photo where nobody marked it."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.errors import ErrorCode, InputError
from tasks.imaging.masks import Mask, binarise

WORKING_SIDE: Final = 320
"""Pixels; GrabCut takes a second or two at this size, and an outline needs no more."""
BORDER: Final = 0.03
"""Share of the shorter side that is background for sure: a main object seldom touches every border."""
ITERATIONS: Final = 5
BRIDGED: Final = 0.03
"""Share of the longer side: wider gaps part two objects."""
MINOR: Final = 0.15
"""Parts under this share of the largest one are not the object."""
SMALLEST: Final = 0.01
"""Share of the photo under which nothing counts as its main object."""


def main_object(photo: NDArray[np.uint8]) -> Mask:
    """Return the H × W mask of the object of an H × W × 3 or H × W × 4 photo.

    Transparency tells the object if there is any. Otherwise GrabCut (Rother, Kolmogorov & Blake 2004) separates what
    differs from the photo's border; its main parts are the object.
    Raises ``InputError`` (mask_missing) when nothing stands out.
    """
    if photo.shape[2] == 4 and photo[..., 3].min() < 128 <= photo[..., 3].max():
        return binarise(photo[..., 3])
    height, width = photo.shape[:2]
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = max(2, round(width * scale)), max(2, round(height * scale))
    small = cv2.resize(photo[..., :3], size, interpolation=cv2.INTER_AREA)
    found = _main_parts(_grabcut(np.asarray(small, np.uint8)))
    if not SMALLEST < found.mean() / 255 < 1 - SMALLEST:
        raise InputError(
            ErrorCode.MASK_MISSING,
            "No object stands out in the image; send a mask of it as well.",
        )
    return binarise(np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8))


def _grabcut(photo: NDArray[np.uint8]) -> Mask:
    labels = np.full(photo.shape[:2], cv2.GC_PR_FGD, np.uint8)
    band = max(1, round(BORDER * min(photo.shape[:2])))
    labels[:band] = labels[-band:] = cv2.GC_BGD
    labels[:, :band] = labels[:, -band:] = cv2.GC_BGD
    if (labels == cv2.GC_BGD).all():
        return np.zeros_like(labels)
    cv2.setRNGSeed(0)
    cv2.grabCut(photo, labels, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), np.uint8(255), np.uint8(0))


def _main_parts(mask: Mask) -> Mask:
    """Bridge narrow gaps (a dark collar between head and body), fill holes, and drop what is small beside the rest."""
    gap = max(3, round(BRIDGED * max(mask.shape)) | 1)
    bridged = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap)))
    clean = cv2.morphologyEx(bridged, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    outlines, _ = cv2.findContours(clean, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    areas = [cv2.contourArea(outline) for outline in outlines]
    kept = [outline for outline, area in zip(outlines, areas, strict=True) if area >= MINOR * max(areas)]
    if kept:
        cv2.drawContours(filled, kept, -1, (255,), cv2.FILLED)
    return filled
