"""Which of a photo's instances a prompt means.

A click on a wheel can mean the wheel, the car or the street with everything on it. All instances that fit are
returned, the one meant most likely first, so that a client can step through them. Where ultralytics 8.4 answers a
prompt with exactly one mask, that mask is the first here, with one exception: where no instance meets a box at all,
it answers with its first mask and this module with nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from tasks.imaging.instances import Bits, Box, Indices, Instances
from tasks.imaging.masks import Mask

SAME: Final = 0.95
"""Intersection over union from which two instances are one object, found twice."""
MOST_CANDIDATES: Final = 10
"""More than anybody steps through."""
RIVAL: Final = 0.5
"""Share of the best box's intersection over union that another candidate has to reach."""
SAMPLES: Final = 16
"""Points taken from brush strokes."""
SPILL: Final = 0.2
"""Share of the samples that may lie outside: hands spill over edges."""
STROKES_SIDE: Final = 256
"""Longer side, in pixels, at which brush strokes are sampled."""

Point = tuple[int, int]
Choice = tuple[int, ...]
"""Instances whose union is one candidate."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the user showed, in pixels of the upright photo; all inside it."""

    box: Box | None = None
    """x0, y0, x1, y1; x1 and y1 exclusive."""
    include: Sequence[Point] = ()
    """x, y of pixels that belong to the object."""
    exclude: Sequence[Point] = ()
    """Pixels that do not."""
    strokes: Mask | None = None
    """Brush strokes over the object, a mask of the photo's size."""


def choose(instances: Instances, prompt: Prompt) -> list[Choice]:
    """Return what the prompt can mean, the likeliest first; empty if nothing does. The points' order has no effect.

    - Points: every instance that contains all included points and no excluded one, smallest first. If none does, the
      union of the smallest one around each point that has one, so that a click on each of two objects gives both.
    - Strokes: ``SAMPLES`` points spread over them; an instance may miss ``SPILL`` of these. If none fits, the union of
      the smallest ones, but for those around a single sample.
    - Box: by intersection over union with it, best first, among the instances that fit points and strokes as above;
      where none fits them, the box decides.
    - Nothing: the main object, by ``main_objects``.

    Of instances that are the same (``SAME``), the first in that order counts.
    """
    if prompt.box is None and not prompt.include and prompt.strokes is None:
        return _candidates(instances, main_objects(instances, prompt.exclude))
    allowed = np.logical_not(_containing(instances, prompt.exclude).any(axis=1))
    clicked, brushed = _containing(instances, prompt.include), _containing(instances, _samples(prompt.strokes))
    needed = brushed.shape[1] * (1 - SPILL)
    fitting: Bits = allowed & clicked.all(axis=1) & (np.count_nonzero(brushed, axis=1) >= needed)
    if prompt.box is not None:
        ranked = _by_box(instances, fitting, prompt.box) or _by_box(instances, np.ones_like(fitting), prompt.box)
        return _candidates(instances, ranked)
    if fitting.any():
        return _candidates(instances, _smallest_first(instances, fitting))
    union = _around_each(_smallest_first(instances, allowed), clicked, brushed)
    return [union] if union else []


def main_objects(instances: Instances, exclude: Sequence[Point] = ()) -> list[int]:
    """Return the instances that can be the main object and contain no excluded point, best first.

    Score: √(area / photo's area) · exp(−2 d²) · (1 − e / 4), where d is the distance of the box's centre from the
    photo's as a share of half the diagonal and e the number of the photo's edges that the box touches: large things
    in the middle win, and what reaches all four edges is the background.
    """
    height, width = instances.height, instances.width
    boxes = instances.boxes.astype(np.float64)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 - [width / 2, height / 2]
    distance = np.hypot(*centres.T) / (np.hypot(width, height) / 2)
    touched = np.count_nonzero(instances.boxes == [0, 0, width, height], axis=1)
    score = np.sqrt(instances.areas / (height * width)) * np.exp(-2 * distance**2) * (1 - touched / 4)
    score[_containing(instances, exclude).any(axis=1)] = 0
    return [index for index in np.argsort(-score, kind="stable").tolist() if score[index] > 0]


def _containing(instances: Instances, points: Sequence[Point]) -> Bits:
    return instances.containing(np.array(points, np.int64).reshape(-1, 2))


def _smallest_first(instances: Instances, which: Bits) -> list[int]:
    return [index for index in np.argsort(instances.areas, kind="stable").tolist() if which[index]]


def _around_each(order: list[int], clicked: Bits, brushed: Bits) -> Choice:
    """Return the first instance in order around each click, and those around at least two samples of the strokes."""
    around_samples = _first_around(order, brushed)
    main = {index for index in around_samples if around_samples.count(index) > 1}
    return tuple(sorted(main.union(_first_around(order, clicked))))


def _first_around(order: list[int], containing: Bits) -> list[int]:
    return [order[int(column.argmax())] for column in containing[order].T if column.any()]


def _by_box(instances: Instances, which: Bits, box: Box) -> list[int]:
    """Order by intersection over union with a box, down to ``RIVAL`` of the best.

    An instance's box bounds its overlap from above: only those that can still come in are counted pixel by pixel.
    The quotient is of float32, as PyTorch's is, so that equals are equal in both.
    """
    bounds = np.array([_quotient(instances, index, _bound(instances, index, box), box) for index in range(len(which))])
    found: dict[int, float] = {}
    best = 0.0
    for index in np.argsort(-bounds, kind="stable").tolist():
        if bounds[index] <= RIVAL * best:
            break
        if which[index]:
            found[index] = _quotient(instances, index, instances.overlap(index, box), box)
            best = max(best, found[index])
    near = [index for index in found if found[index] > RIVAL * best]
    return sorted(near, key=lambda index: (-found[index], index))


def _bound(instances: Instances, index: int, box: Box) -> int:
    x0, y0, x1, y1 = instances.box(index)
    width, height = min(x1, box[2]) - max(x0, box[0]), min(y1, box[3]) - max(y0, box[1])
    return min(int(instances.areas[index]), max(width, 0) * max(height, 0))


def _quotient(instances: Instances, index: int, overlap: int, box: Box) -> float:
    union = int(instances.areas[index]) + (box[2] - box[0]) * (box[3] - box[1]) - overlap
    return float(np.float32(overlap) / np.float32(union))


def _candidates(instances: Instances, order: list[int]) -> list[Choice]:
    """Return the first few that are not the same as one before them."""
    kept: list[int] = []
    for index in order:
        if len(kept) == MOST_CANDIDATES:
            break
        if not any(_is_same(instances, index, other) for other in kept):
            kept.append(index)
    return [(index,) for index in kept]


def _is_same(instances: Instances, one: int, other: int) -> bool:
    areas = instances.areas[[one, other]]
    if areas.min() < SAME * areas.max():
        return False
    first, second = (_on_grid(instances, index) for index in (one, other))
    return bool(np.count_nonzero(first & second) > SAME * np.count_nonzero(first | second))


def _on_grid(instances: Instances, index: int) -> Bits:
    grid = np.zeros((instances.rows, instances.columns), np.bool_)
    x0, y0, x1, y1 = instances.frame(index)
    grid[y0:y1, x0:x1] = instances.bits(index)
    return grid


def _samples(strokes: Mask | None) -> list[Point]:
    """Return points spread over brush strokes, away from their rims: each as far as can be from those before it."""
    if strokes is None or not strokes.any():
        return []
    height, width = strokes.shape
    scale = min(1.0, STROKES_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(strokes, size, interpolation=cv2.INTER_AREA))
    framed = cv2.copyMakeBorder((small > 0).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    depth = np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))[1:-1, 1:-1]
    inner = np.argwhere(depth >= np.median(depth[depth > 0]))
    chosen = _spread(inner, int(np.argmax(depth[tuple(inner.T)])))
    # The centre of a small pixel lies in the strokes, or near them where they are thinner than it.
    return [(int((x + 0.5) * width / size[0]), int((y + 0.5) * height / size[1])) for y, x in inner[chosen].tolist()]


def _spread(points: Indices, first: int) -> list[int]:
    """Pick up to ``SAMPLES`` of N × 2 points by farthest-point sampling."""
    chosen = [first]
    distance = np.full(len(points), np.inf)
    while len(chosen) < min(SAMPLES, len(points)):
        distance = np.minimum(distance, np.sum((points - points[chosen[-1]]) ** 2, axis=1))
        chosen.append(int(np.argmax(distance)))
    return chosen
