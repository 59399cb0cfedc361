"""Reduced windows of a photo with a user's prompts in them, and cutting objects out of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.masks import Mask

RGB = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]
Point = tuple[int, int]

DOT: Final = 0.025
"""Radius around a point, as a share of the view's longer side, within which what looks like the point goes with it."""
DOT_COLOUR: Final = 12.0
"""Greatest distance in CIE Lab of what looks like it."""
BRIDGED: Final = 0.03
"""Share of a view's longer side: wider gaps part two objects."""
MINOR: Final = 0.15
"""Parts under this share of the largest one are not the object, unless a prompt says so."""


@dataclass(frozen=True)
class Prompts:
    """What the user marked, in pixels of the photo; points are x, y within it, strokes H × W, 0 or 255."""

    include: Sequence[Point] = ()
    exclude: Sequence[Point] = ()
    strokes: Mask | None = None


@dataclass(frozen=True)
class View:
    """A window of the photo at a reduced size, with the prompts in it."""

    photo: RGB
    window: Box
    """x0, y0, x1, y1 in the photo."""
    fore: Bools
    """H × W of the view: the object's for sure."""
    back: Bools
    """H × W of the view: not the object's for sure."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.fore.shape[0], self.fore.shape[1]

    @property
    def longer(self) -> int:
        """The longer side in pixels."""
        return max(self.shape)


def look(photo: RGB, window: Box, area: int, prompts: Prompts) -> View:
    """Return a window of an H × W × 3 photo, reduced to about ``area`` pixels, never enlarged."""
    x0, y0, x1, y1 = window
    small = reduce(photo[y0:y1, x0:x1], area)
    height, width = small.shape[:2]
    fore, back = (
        _dots(small, [((x - x0) * width // (x1 - x0), (y - y0) * height // (y1 - y0)) for x, y in points])
        for points in (prompts.include, prompts.exclude)
    )
    if prompts.strokes is not None:
        fore |= scale(prompts.strokes[y0:y1, x0:x1], (height, width)) > 0.25
    return View(small, window, fore & ~back, back & ~fore)


def reduce(photo: RGB, area: int) -> RGB:
    """Return the photo at about ``area`` pixels, or as it is where it has fewer."""
    height, width = photo.shape[:2]
    ratio = float(np.sqrt(area / (height * width)))
    if ratio >= 1:
        return np.ascontiguousarray(photo)
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def scale(mask: NDArray[np.uint8], shape: tuple[int, ...]) -> Floats:
    """Return an H × W, 0 or 255, mask at another shape, 0 to 1."""
    height, width = shape[:2]
    smaller = height * width < mask.size
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, (width, height), interpolation=method), np.float32) / np.float32(255)


def fit(found: Bools, shape: tuple[int, ...]) -> Bools:
    """Return an H × W set of pixels at another shape."""
    return scale(as_mask(found), shape) > 0.5


def as_mask(found: Bools) -> Mask:
    """Return 255 where True."""
    return np.where(found, np.uint8(255), np.uint8(0))


def cut(photo: RGB, labels: NDArray[np.uint8], iterations: int) -> Bools:
    """Return what GrabCut (Rother, Kolmogorov & Blake 2004) finds in an H × W × 3 photo from H × W of its labels.

    What the labels call foreground is returned where they leave nothing to decide. Deterministic.
    """
    foreground = (labels & 1) > 0
    if not foreground.any() or foreground.all():
        return foreground
    decided = labels.copy()
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(photo, decided, (0, 0, 1, 1), *models, iterations, cv2.GC_INIT_WITH_MASK)
    return (decided & 1) > 0


def object_at(found: Bools, view: View) -> Bools:
    """Return the part at the prompts, without holes; narrow gaps (a dark collar below a head) part nothing."""
    parts = _parts(found | view.fore)
    named = np.unique(parts[view.fore])
    return _without_holes(np.isin(parts, named[named > 0]) & found, view)


def main_parts(found: Bools, view: View) -> Bools:
    """Return the large parts and those at the prompts, without holes."""
    parts = _parts(found | view.fore)
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    kept = areas >= max(1.0, MINOR * areas.max())
    kept[np.unique(parts[view.fore])] = True
    kept[0] = False
    return _without_holes(kept[parts] & found, view)


def distance(found: Bools) -> Floats:
    """Return each pixel's distance in pixels from the set; large where the set is empty."""
    return np.asarray(cv2.distanceTransform(as_mask(~found), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _dots(photo: RGB, points: Sequence[Point]) -> Bools:
    """Return the points that lie within the photo, and what looks like them closely around."""
    height, width = photo.shape[:2]
    dots = np.zeros((height, width), np.bool_)
    radius = max(1, round(DOT * max(height, width)))
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            continue
        around = slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1)
        lab = cv2.cvtColor(photo[around].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        down = (np.arange(lab.shape[0]) - min(y, radius))[:, None]
        right = (np.arange(lab.shape[1]) - min(x, radius))[None]
        own = lab[min(y, radius), min(x, radius)]
        dots[around] |= (np.linalg.norm(lab - own, axis=2) <= DOT_COLOUR) & (down**2 + right**2 <= radius**2)
    return dots


def _parts(found: Bools) -> NDArray[np.int32]:
    side = max(3, round(BRIDGED * max(found.shape)) | 1)
    bridged = cv2.morphologyEx(as_mask(found), cv2.MORPH_CLOSE, _disc(side, found.shape))
    clean = cv2.morphologyEx(bridged, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return np.asarray(cv2.connectedComponents(clean, connectivity=4)[1], np.int32)


def _disc(side: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a disc, without what no pixel of the shape reaches: on a strip of a picture it would cost seconds."""
    disc = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
    middle = side // 2
    y, x = (min(middle, length - 1) for length in shape[:2])
    return np.ascontiguousarray(disc[middle - y : middle + y + 1, middle - x : middle + x + 1])


def _without_holes(found: Bools, view: View) -> Bools:
    outlines, _ = cv2.findContours(as_mask(found), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(found.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, (1,), cv2.FILLED)
    holes = np.asarray(cv2.connectedComponents(as_mask((filled > 0) & ~found), connectivity=4)[1], np.int32)
    wanted = np.unique(holes[view.back])
    return (filled > 0) & ~np.isin(holes, wanted[wanted > 0]) & ~view.back | view.fore
