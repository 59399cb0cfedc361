"""The outline of an object that a user points at, by classical image processing: a click, a box, or a rough brush.

In a box, models of colour that hold near a place only separate the object from its surroundings on a graph of cells
(``tasks.imaging.cells``); fine and coarse models vote. Prompts without a box choose among guesses
(``tasks.imaging.propose``). Both work at a reduced size; then the edge moves to the photo's own: GrabCut in a narrow
band, and a guided filter at full size. So the time hardly depends on the photo's size.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.errors import InputError
from tasks.imaging import cells as graph, find
from tasks.imaging.cells import Cells
from tasks.imaging.masks import Mask, bounding_box, grow
from tasks.imaging.propose import propose
from tasks.imaging.views import (
    RGB,
    Bools,
    Box,
    Floats,
    Point,
    Prompts,
    View,
    as_mask,
    cut,
    distance,
    look,
    main_parts,
    reduce,
    scale,
)

VIEW_AREA: Final = 16_000
"""Pixels of the view of a box that is divided into cells."""
EDGE_AREA: Final = 24_000
"""Pixels of the view in which the edge is searched."""
SHARPEST: Final = 2_000_000
"""Pixels of an object's window up to which its edge follows the photo at full size; above, it is interpolated."""
SURROUNDINGS: Final = 0.2
"""Share of a box's longer side around it that shows what the background looks like."""
SLACK: Final = 0.04
"""Share of a box's side by which it may miss the object's."""
KERNELS: Final = ((4.5, 0.18), (6.0, 0.25), (8.0, 0.35))
"""The models that vote: standard deviation in colour, and in place as a share of the view's longer side."""
CENTRE: Final = 0.4
"""Pull of a box's middle to the object, where colour pulls with ``COLOUR``."""
COLOUR: Final = 1.5
CERTAIN: Final = 8.0
"""Pull of what lies outside a box, and of the prompts."""
DOUBT: Final = 0.04
"""Share of an object's size (the root of its area) within which its edge is searched."""
GRAINS: Final = 1.5
"""Pixels of the grid on which a mask was found within which its edge is searched at least."""
KEPT: Final = 0.8
GROWN: Final = 4.0
"""Share of the first point's object that one guess from all points has to hold, and how much larger that may be."""
AROUND_A_POINT: Final = 3
"""Pixels by which a box goes beyond a point that it has to hold."""
TALL: Final = 0.35
SLENDER: Final = 4.0
MOST: Final = 0.6
"""Shares and a ratio that tell a shaft from what stands beside it (``_without_foot``)."""
GUIDE_RADIUS: Final = 3
GUIDE_NOISE: Final = 1e-3
"""The guided filter's window in pixels of the view, and the variance (of 0..1) that it takes for noise."""


def outline(
    photo: RGB,
    *,
    box: Box | None = None,
    include: Sequence[Point] = (),
    exclude: Sequence[Point] = (),
    strokes: Mask | None = None,
) -> Mask:
    """Return the H × W mask, 0 or 255, of the object that the prompts mean in an H × W × 3 photo.

    ``box`` is x0, y0, x1, y1 in pixels, x1 and y1 exclusive, drawn around the object give or take ``SLACK``; a side on
    the photo's edge may cut the object. Points are x, y; the object holds those in ``include`` and not those in
    ``exclude``. ``strokes`` (H × W, 0 or 255) are painted on the object, as roughly as one likes. Prompts outside the
    photo count as at its edge. The first point says which object is meant; further ones add to what that gave, or take
    from it, as a user does who sees it. Without box, include and strokes it is the photo's main object.
    Deterministic. All zero where nothing can be told from its surroundings.
    """
    height, width = photo.shape[:2]
    prompts = Prompts(
        [(_within(x, width), _within(y, height)) for x, y in include],
        [(_within(x, width), _within(y, height)) for x, y in exclude],
        strokes if strokes is not None and strokes.any() else None,
    )
    if box is not None:
        return _refined(photo, *_in_box(photo, _clipped(box, photo), prompts))
    if prompts.include or prompts.strokes is not None:
        return _pointed_at(photo, prompts)
    found = _main_object(photo)
    if found.any() and prompts.exclude:
        return _refined(photo, *_in_box(photo, bounding_box(found), prompts))
    return found


def refine(photo: RGB, mask: Mask) -> Mask:
    """Return the H × W mask with its edge moved to edges of the H × W × 3 photo nearby.

    Nearby is within ``DOUBT`` of the object's size: for masks drawn by hand or found at a reduced size. What lies
    deeper inside or farther outside stays as it is.
    """
    return _refined(photo, mask, 1.0)


def _refined(photo: RGB, mask: Mask, grain: float) -> Mask:
    """Return the refined mask, which was found on a grid of ``grain`` pixels of the photo."""
    if not mask.any() or mask.all():
        return mask.copy()
    doubt = max(GRAINS * grain, DOUBT * float(np.sqrt(cv2.countNonZero(mask))))
    x0, y0, x1, y1 = grow(bounding_box(mask), 2 + round(3 * doubt), mask.shape)
    window = reduce(photo[y0:y1, x0:x1], SHARPEST)
    view = reduce(window, EDGE_AREA)
    labels = _band(scale(mask[y0:y1, x0:x1], view.shape), doubt * view.shape[1] / (x1 - x0))
    found = cut(view, labels, iterations=2)
    if not found.any():
        return mask.copy()
    soft = _guided(view, found, window)
    refined = np.zeros_like(mask)
    refined[y0:y1, x0:x1] = as_mask(cv2.resize(soft, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR) > 0.5)
    return refined


def _pointed_at(photo: RGB, prompts: Prompts) -> Mask:
    """Return the mask of what strokes or the first point mean, with what further points add to it."""
    first = prompts if prompts.strokes is not None else replace(prompts, include=prompts.include[:1])
    mask = _guessed(photo, first)
    lacking = [(x, y) for x, y in prompts.include[1:] if not mask[y, x]]
    if not lacking:
        return mask
    together = _guessed(photo, prompts)
    area, kept = cv2.countNonZero(mask), cv2.countNonZero(mask & together)
    if kept >= KEPT * area and cv2.countNonZero(together) <= GROWN * area:
        return together
    marked = mask.copy()
    for point in lacking:
        cv2.circle(marked, point, AROUND_A_POINT, (255,), cv2.FILLED)
    return _refined(photo, *_in_box(photo, bounding_box(marked), prompts))


def _guessed(photo: RGB, prompts: Prompts) -> Mask:
    height, width = photo.shape[:2]
    guess = _without_foot(propose(photo, prompts))
    return _refined(photo, as_mask(scale(as_mask(guess), (height, width)) > 0.5), width / guess.shape[1])


def _main_object(photo: RGB) -> Mask:
    try:
        return refine(photo, find.main_object(photo))
    except InputError:
        return np.zeros(photo.shape[:2], np.uint8)


def _without_foot(found: Bools) -> Bools:
    """Return a long thing without the short ones that stand beside it, such as a rocket without its launch pad.

    The shaft is where the set is at least ``TALL`` of its greatest length long; the set is cut to that if it is
    ``SLENDER`` times as long as wide and holds ``MOST`` of the set. So a blossom stays on its stem.
    """
    if not found.any():
        return found
    upright = found if np.ptp(np.nonzero(found)[0]) >= np.ptp(np.nonzero(found)[1]) else found.T
    lengths = upright.sum(axis=0)
    places = np.flatnonzero(lengths >= TALL * lengths.max())
    shaft = np.zeros_like(upright)
    shaft[:, places[0] : places[-1] + 1] = upright[:, places[0] : places[-1] + 1]
    slender = lengths.max() >= SLENDER * (places[-1] + 1 - places[0])
    if not slender or shaft.sum() < MOST * found.sum():
        return found
    return shaft if upright is found else shaft.T


def _within(place: int, length: int) -> int:
    return min(max(place, 0), length - 1)


def _clipped(box: Box, photo: RGB) -> Box:
    """Return the box within the photo, at least one pixel wide and high."""
    height, width = photo.shape[:2]
    x0, y0 = _within(box[0], width), _within(box[1], height)
    return x0, y0, min(max(box[2], x0 + 1), width), min(max(box[3], y0 + 1), height)


def _in_box(photo: RGB, box: Box, prompts: Prompts) -> tuple[Mask, float]:
    """Return the H × W mask of the object in a box, and of how many pixels of the photo its grid is."""
    margin = max(3, round(SURROUNDINGS * max(box[2] - box[0], box[3] - box[1])))
    window = grow(box, margin, photo.shape)
    view = look(photo, window, VIEW_AREA, prompts)
    outside, middle = _fields(view, box, photo)
    votes = _votes(graph.divide(view.photo), view, outside, middle)
    found = main_parts((votes > 0.5) & (outside < 1), view)
    x0, y0, x1, y1 = window
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[y0:y1, x0:x1] = as_mask(scale(as_mask(found), (y1 - y0, x1 - x0)) > 0.5)
    return mask, (x1 - x0) / view.shape[1]


def _fields(view: View, box: Box, photo: RGB) -> tuple[Floats, Floats]:
    """Return how far each pixel of the view is outside the box (0 to 1 across the slack), and how near its middle."""
    sides = []
    for axis, length in ((0, photo.shape[1]), (1, photo.shape[0])):
        start, low, high = view.window[axis], box[axis], box[axis + 2]
        step = (view.window[axis + 2] - start) / view.shape[1 - axis]
        places = start + step * (np.arange(view.shape[1 - axis]) + 0.5)
        beyond = np.maximum(
            low - places if low > 0 else np.full_like(places, -np.inf),
            places - high if high < length else np.full_like(places, -np.inf),
        ) / (SLACK * (high - low))
        sides.append((beyond, ((2 * places - low - high) / (high - low)) ** 2))
    (across, x), (down, y) = sides
    outside = np.clip((np.maximum(across[None], down[:, None]) + 1) / 2, 0, 1)
    return outside.astype(np.float32), np.exp(-1.5 * (x[None] + y[:, None])).astype(np.float32)


def _votes(cells: Cells, view: View, outside: Floats, middle: Floats) -> Floats:
    """Return H × W of the view: the mean of the models' answers, 0 to 1."""
    outer, inner = graph.average(cells, outside), graph.average(cells, middle)
    fore, back = graph.average(cells, view.fore), graph.average(cells, view.back)
    stiffness = graph.laplacian(cells)
    colour = graph.squared_distances(cells.features)
    place = graph.squared_distances(cells.positions / np.float32(view.longer))
    answers = []
    for spread, extent in KERNELS:
        likeness = graph.likeness(colour / np.float32(spread**2) + place / np.float32(extent**2))
        answers.append(_settled(cells, stiffness, likeness, (outer, inner), (fore, back)))
    return np.asarray(np.stack(answers).mean(axis=0)[cells.labels], np.float32)


def _settled(
    cells: Cells, stiffness: Floats, likeness: Floats, fields: tuple[Floats, Floats], prompts: tuple[Floats, Floats]
) -> Floats:
    """Return N answers: colours of both sides are learnt from the box, then once more from the first answer.

    The ratio of densities is scaled half-way between equal amounts and the amounts seen: a small object keeps some
    of its prior.
    """
    (outer, inner), (fore, back) = fields, prompts
    like_fore, like_back = (np.minimum(likeness @ marked, 1) for marked in prompts)
    inner = inner * (1 - like_back)
    shares, allowed = cells.sizes / cells.sizes.mean(), 1 - outer
    ours, theirs = allowed * inner * shares, outer * shares
    for _ in range(2):
        ours, theirs = ours * (1 - like_back) + like_fore * shares, theirs * (1 - like_fore) + like_back * shares
        balance = np.sqrt((ours.sum() + 1e-6) / (theirs.sum() + 1e-6))
        colour = likeness @ ours + 1e-9
        colour = colour / (colour + balance * (likeness @ theirs) + 1e-9)
        pull = (COLOUR * colour + CENTRE * inner) * allowed + CERTAIN * fore
        push = COLOUR * (1 - colour) + CERTAIN * (np.clip(2 * outer - 1, 0, 1) + back)
        answer = graph.settle(stiffness, pull * shares, push * shares)
        ours, theirs = answer**1.5 * allowed * shares, (1 - answer) ** 1.5 * shares
    return answer


def _band(soft: Floats, doubt: float) -> NDArray[np.uint8]:
    """Return GrabCut's labels: certain except within ``doubt`` pixels of the edge; the view's own edge is no edge."""
    inside = soft > 0.5
    doubt = max(1.5, doubt)
    depth = distance(~inside)
    labels = np.where(inside, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_PR_BGD))
    labels[distance(inside) > doubt] = cv2.GC_BGD
    labels[depth > min(doubt, 0.7 * float(depth.max()))] = cv2.GC_FGD
    return labels


def _guided(view: RGB, found: Bools, window: RGB) -> Floats:
    """Return what was found in a view as 0 to 1 on the grid of the window that it shows.

    The fast guided filter (He & Sun 2015): near an edge, the answer is a linear function of the colours, fitted at
    the view's size and applied at the window's.
    """
    side = (2 * GUIDE_RADIUS + 1,) * 2
    colours = np.concatenate([view.astype(np.float32) / 255, np.ones((*found.shape, 1), np.float32)], axis=2)
    products = colours[..., :, None] * colours[..., None, :]
    target = colours * found[..., None].astype(np.float32)
    moments = cv2.blur(np.ascontiguousarray(products.reshape(*found.shape, 16)), side).reshape(*found.shape, 4, 4)
    moments = moments + np.diag([GUIDE_NOISE] * 3 + [0]).astype(np.float32)
    fitted = np.linalg.solve(moments, cv2.blur(target, side)[..., None])[..., 0].astype(np.float32)
    height, width = window.shape[:2]
    factors = cv2.resize(cv2.blur(fitted, side), (width, height), interpolation=cv2.INTER_LINEAR)
    sharp = (factors[..., :3] * window).sum(axis=2) / 255 + factors[..., 3]
    return np.asarray(np.clip(sharp, 0, 1), np.float32)
