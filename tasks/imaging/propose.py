"""What a click may mean: several guesses at the object, and the choice among them."""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging import cells as graph
from tasks.imaging.cells import Cells
from tasks.imaging.views import (
    RGB,
    Bools,
    Box,
    Floats,
    Prompts,
    View,
    as_mask,
    cut,
    distance,
    fit,
    look,
    object_at,
)

VIEW_AREA: Final = 16_000
"""Pixels of the view that is divided into cells, and on whose grid guesses are compared."""
CUT_AREA: Final = 6_500
"""Pixels of the views that are cut seven times: 10 to 15 ms each."""
ITERATIONS: Final = 2
CLOSE_UP: Final = 0.45
"""Side of the close-up for objects that are small in the photo, as a share of the photo's longer side."""
BAND: Final = 0.02
"""Share of a view's shorter side along its edge that is background, unless it looks like the object."""
NEARBY: Final = 0.1
"""Share of the longer side around the prompts within which colours may be the object's own (the fur around an eye)."""
REACH: Final = 0.3
"""Share of the longer side around the prompts within which a middle-sized object lies."""
ALIKE: Final = 10.0
"""Colour distance to the nearest of the colours nearby that still may be the object's."""
SAME: Final = 12.0
"""The same to the colours at the prompts themselves."""
SAMPLES: Final = 24
"""Colours taken from a set of pixels."""
SMOOTH: Final = 5.0
"""Contrast below which two cells are one surface."""
CUT_OFF: Final = 6.0
"""Contrast, summed along every path from the background, that makes a figure."""
OWN: Final = (0.35, 0.6)
"""Edge cells that are nearer to the prompts than these shares of the usual way belong to the object."""
FIGURE: Final = 2.0
"""Weight of guesses at what differs from the background, where guesses at what has the prompts' colours have 1."""
SMALL: Final = 0.1
TINY: Final = 0.012
"""Shares of the photo under which a guess is less likely meant, and still less: it may be a part of what is meant."""
SPREAD: Final = 8.0
"""Standard deviation of colour in the models of ``_alike``."""
RADII: Final = (0.2, 0.4)
"""Shares of the longer side around the prompts from which those models start."""


def propose(photo: RGB, prompts: Prompts) -> Bools:
    """Return the most plausible object at the prompts in an H × W × 3 photo, on the grid of a view of all of it.

    That is the guess with the greatest expected overlap (intersection over union) with the object, where each guess
    is the object with a probability that grows with its plausibility. All False where no guess is left, or the prompts
    contradict each other.
    """
    height, width = photo.shape[:2]
    view = look(photo, (0, 0, width, height), VIEW_AREA, prompts)
    if not view.fore.any():
        return view.fore
    weighted = [(guess, weight) for guess, weight in _guesses(photo, prompts, view) if guess.any() and not guess.all()]
    if not weighted:
        return np.zeros(view.shape, np.bool_)
    guesses = [guess for guess, _ in weighted]
    strength = _strength(view)
    weights = [weight * np.exp(_plausibility(guess, view, strength)) for guess, weight in weighted]
    flat = np.stack([guess.ravel() for guess in guesses]).astype(np.float32)
    common, areas = flat @ flat.T, flat.sum(axis=1)
    overlaps = common / (areas[:, None] + areas[None] - common)
    return guesses[int((overlaps @ weights).argmax())]


def _guesses(photo: RGB, prompts: Prompts, view: View) -> Iterator[tuple[Bools, float]]:
    """Yield guesses on the view's grid, each with its weight: from contrast, from colour, and cuts from either."""
    cells = graph.divide(view.photo)
    figures, alike = _figures(cells, view), _alike(cells, view)
    for figure in figures:
        yield object_at(figure, view), FIGURE
    yield object_at(alike[-1], view), 1.0
    small = look(photo, view.window, CUT_AREA, prompts)
    all_but_edge, *others = _starts(small)
    starts = [(all_but_edge, FIGURE), (_labels(small, fit(figures[0], small.shape)), FIGURE)]
    starts += [(start, 1.0) for start in others]
    starts += [(_labels(small, fit(guess, small.shape)), 1.0) for guess in alike]
    for start, weight in starts:
        yield fit(object_at(cut(small.photo, start, ITERATIONS), small), view.shape), weight
    near = look(photo, _close_up(view), CUT_AREA, prompts)
    everything = np.ones(near.shape, np.bool_)
    start = _labels(near, everything, _edge(near) & (_colour_distance(near, near.fore) >= SAME))
    yield _pasted(object_at(cut(near.photo, start, ITERATIONS), near), near, view), 1.0


def _figures(cells: Cells, view: View) -> list[Bools]:
    """Return what contrast cuts off from the view's edge; the edge near the prompts is the object's own."""
    marked, barred = _marked(cells, view.fore), _marked(cells, view.back)
    at_edge = cells.edge > 0
    away = graph.geodesic(cells, marked, SMOOTH, step=0.3)
    usual = np.percentile(away[at_edge], 75)
    return [
        ((graph.geodesic(cells, (at_edge & (away >= own * usual)) | barred, SMOOTH) > CUT_OFF) | marked)[cells.labels]
        for own in OWN
    ]


def _alike(cells: Cells, view: View) -> list[Bools]:
    """Return what has the colours around the prompts rather than those farther away, for each of ``RADII``."""
    marked, barred = _marked(cells, view.fore), _marked(cells, view.back)
    stiffness = graph.laplacian(cells)
    likeness = graph.likeness(graph.squared_distances(cells.features) / SPREAD**2)
    shares = cells.sizes / cells.sizes.mean()
    away = np.sqrt(graph.squared_distances(cells.positions)[:, marked].min(axis=1)) / view.longer
    found = []
    for radius in RADII:
        fore = np.exp(-((away / radius) ** 2) / 2)
        outside = 0.6 * (1 - np.exp(-((away / (1.8 * radius)) ** 4)))
        for _ in range(2):
            ours, theirs = fore**2 * shares, (1 - fore) ** 2 * shares
            density = likeness @ ours / (ours.sum() + 1e-6)
            colour = density / (density + likeness @ theirs / (theirs.sum() + 1e-6) + 1e-9)
            pull, push = 1.2 * colour * shares + 20 * marked, 1.2 * (1 - colour) * shares + outside + 20 * barred
            fore = graph.settle(stiffness, pull, push)
        found.append((fore > 0.45)[cells.labels])
    return found


def _marked(cells: Cells, where: Bools) -> Bools:
    """Return the cells that lie mostly in a set, and the one that does most."""
    shares = graph.average(cells, where)
    return np.asarray((shares > 0.5) | ((shares > 0) & (shares == shares.max())), np.bool_)


def _starts(view: View) -> Iterator[NDArray[np.uint8]]:
    """Yield labels to cut from: all that is unlike the edge, what is like the prompts, and what is near them."""
    to_nearby = _colour_distance(view, distance(view.fore) <= NEARBY * view.longer)
    foreign = _edge(view) & (to_nearby >= ALIKE)
    yield _labels(view, np.ones(view.shape, np.bool_), foreign)
    yield _labels(view, to_nearby < ALIKE, foreign)
    foreign = _edge(view) & (_colour_distance(view, view.fore) >= SAME)
    yield _labels(view, distance(view.fore) <= REACH * view.longer, foreign)


def _labels(view: View, probable: Bools, background: Bools | None = None) -> NDArray[np.uint8]:
    """Return GrabCut's labels; prompts are certain, and so is the background."""
    labels = np.where(probable, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_PR_BGD))
    if background is not None:
        labels[background] = cv2.GC_BGD
    labels[view.back] = cv2.GC_BGD
    labels[view.fore] = cv2.GC_FGD
    return labels


def _edge(view: View) -> Bools:
    width = max(1, round(BAND * min(view.shape)))
    edge = np.ones(view.shape, np.bool_)
    edge[width:-width, width:-width] = False
    return edge


def _colour_distance(view: View, where: Bools) -> Floats:
    """Return each pixel's distance to the nearest of ``SAMPLES`` colours of a set."""
    values = graph.features(view.photo)
    colours = values[where]
    if not len(colours):
        return np.full(view.shape, np.inf, np.float32)
    colours = colours[:: max(1, len(colours) // SAMPLES)]
    nearest = np.full(view.shape, np.inf, np.float32)
    for colour in colours:
        np.minimum(nearest, ((values - colour) ** 2).sum(axis=2), out=nearest)
    return np.sqrt(nearest)


def _close_up(view: View) -> Box:
    """Return a window of the photo around the prompts, ``CLOSE_UP`` of the longer side or as wide as they lie."""
    x0, y0, x1, y1 = view.window
    rows, columns = np.nonzero(view.fore)
    ratio = (x1 - x0) / view.shape[1]
    side = CLOSE_UP * max(x1 - x0, y1 - y0)
    window = []
    for places, length in ((columns, x1 - x0), (rows, y1 - y0)):
        low, high = ratio * float(places.min()), ratio * float(places.max() + 1)
        extent = min(length, round(max(side, 2 * (high - low))))
        start = min(max(0, round((low + high - extent) / 2)), length - extent)
        window.append((start, start + extent))
    (left, right), (top, bottom) = window
    return left, top, right, bottom


def _pasted(found: Bools, near: View, view: View) -> Bools:
    """Return what was found in a close-up on the grid of the whole."""
    height, width = view.shape
    ratio = width / (view.window[2] - view.window[0])
    x0, y0, x1, y1 = (round(side * ratio) for side in near.window)
    x1, y1 = min(max(x1, x0 + 1), width), min(max(y1, y0 + 1), height)
    pasted = np.zeros(view.shape, np.bool_)
    pasted[y0:y1, x0:x1] = fit(found, pasted[y0:y1, x0:x1].shape)
    return pasted


def _strength(view: View) -> Floats:
    """Return the greatest colour difference to a neighbour, of each pixel and those beside it."""
    values = graph.features(view.photo)
    strength = np.zeros(view.shape, np.float32)
    strength[:, :-1] = np.linalg.norm(np.diff(values, axis=1), axis=2)
    np.maximum(strength[:-1], np.linalg.norm(np.diff(values, axis=0), axis=2), out=strength[:-1])
    return np.asarray(cv2.dilate(strength, np.ones((3, 3), np.uint8)), np.float32)


def _plausibility(found: Bools, view: View, strength: Floats) -> float:
    """Return the logarithm, up to a constant, of how likely a guess is the object.

    People click near the middle of things that are not small, have an edge all around and do not fill the photo.
    Since guesses vote, the weights decide only close cases.
    """
    area = int(found.sum())
    places = np.argwhere(found)
    off = np.linalg.norm(places.mean(axis=0) - np.argwhere(view.fore).mean(axis=0))
    off /= np.sqrt(places.var(axis=0).sum() + 1)
    rim = found & (cv2.erode(as_mask(found), np.ones((3, 3), np.uint8)) == 0)
    weak = float((strength[rim] < np.median(strength)).mean()) if rim.any() else 1.0
    small, tiny = (max(0.0, float(np.log(share * found.size / area))) for share in (SMALL, TINY))
    sides = np.mean([side.mean() > 0.02 for side in (found[0], found[-1], found[:, 0], found[:, -1])])
    return -1.2 * min(float(off), 2.5) - 1.4 * weak - 0.3 * small - tiny - 0.4 * float(sides)
