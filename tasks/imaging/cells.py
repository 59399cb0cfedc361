"""A photo as a graph of a few hundred cells: small regions of even colour, joined where they touch.

On so few nodes, questions about the whole photo (what is like what, what is cut off from what) are small dense
problems that take milliseconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

COUNT: Final = 400
"""Cells of a photo; with more, no outline was better."""
COMPACTNESS: Final = 10.0
"""Colour distance that weighs as much as one cell's side; 10 as in SLIC (Achanta et al. 2012)."""
ROUNDS: Final = 4
LIGHTNESS: Final = 0.7
"""Weight of L in colour distances: shadow and shape change it within one object."""
TEXTURE: Final = 5.0
"""Weight of the logarithm of fine contrast, so that sharp and blurred surfaces of one colour differ."""
FAINT: Final = 6.0
"""Least scale of contrast between cells: in a photo without contrast, noise is no edge."""


SOLVED: Final = 100
"""Steps after which a system counts as solved; 15 to 30 are usual."""


@dataclass(frozen=True)
class Cells:
    """The graph of an H × W view; N cells, M pairs of neighbours."""

    labels: Ints
    """H × W: the cell of each pixel."""
    features: Floats
    """N × 4: mean weighted L*, a*, b* and texture, in CIE Lab units."""
    positions: Floats
    """N × 2: mean x and y in pixels."""
    sizes: Floats
    """N: pixels."""
    edge: Floats
    """N: pixels on the view's edge."""
    one: Ints
    other: Ints
    """M each: the cells of a pair."""
    lengths: Floats
    """M: pixels of common border."""
    contrast: Floats
    """M: difference across that border, half of the cells' means and half of the pixels beside it."""


def features(view: NDArray[np.uint8]) -> Floats:
    """Return H × W × 4 of an H × W × 3 view: weighted L*, a*, b* without noise, and texture."""
    lab = cv2.cvtColor(view.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    weighted = np.asarray(lab, np.float32) * np.array([LIGHTNESS, 1, 1], np.float32)
    lab = cv2.bilateralFilter(weighted, 5, 12, 2)
    grey = cv2.cvtColor(view, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.2)), (0, 0), 2.5)
    return np.dstack([lab, TEXTURE * np.log1p(fine)]).astype(np.float32)


def divide(view: NDArray[np.uint8]) -> Cells:
    """Divide an H × W × 3 view into about ``COUNT`` cells (SLIC superpixels; Achanta et al. 2012)."""
    values = features(view)
    labels = _slic(values)
    total = int(labels.max()) + 1
    flat = labels.ravel()
    sizes = np.bincount(flat, minlength=total).astype(np.float32)
    height, width = labels.shape
    ys, xs = np.divmod(np.arange(height * width), width)
    means = _means(flat, total, [*values.reshape(-1, 4).T, xs, ys])
    edge = sum(np.bincount(side, minlength=total) for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    one, other, lengths, across = _borders(values, labels, total)
    apart = np.linalg.norm(means[one, :4] - means[other, :4], axis=1)
    return Cells(
        labels=labels,
        features=means[:, :4],
        positions=means[:, 4:],
        sizes=sizes,
        edge=np.asarray(edge, np.float32),
        one=one,
        other=other,
        lengths=lengths,
        contrast=((apart + across) / 2).astype(np.float32),
    )


def average(cells: Cells, picture: NDArray[np.generic]) -> Floats:
    """Return the N means of an H × W picture over the cells."""
    return _means(cells.labels.ravel(), len(cells.sizes), [picture.ravel()])[:, 0]


def geodesic(cells: Cells, sources: Bools, smooth: float, step: float = 0.0) -> Floats:
    """Return each cell's least sum of contrast on a path from the sources; infinite where there are no sources.

    Contrast below ``smooth`` costs nothing, each step costs at least ``step``.
    """
    cost = np.maximum(cells.contrast - smooth, 0) + step
    distance = np.where(sources, np.float32(0), np.float32(np.inf))
    while True:
        before = distance.copy()
        np.minimum.at(distance, cells.one, before[cells.other] + cost)
        np.minimum.at(distance, cells.other, before[cells.one] + cost)
        if np.array_equal(before, distance):
            return distance


def reach(cells: Cells, through: Bools, sources: Bools) -> Bools:
    """Return the cells among ``through`` that neighbours among ``through`` join to the sources."""
    inner = through[cells.one] & through[cells.other]
    one, other = cells.one[inner], cells.other[inner]
    reached = through & sources
    while True:
        before = reached.copy()
        reached[one[before[other]]] = True
        reached[other[before[one]]] = True
        if np.array_equal(before, reached):
            return reached


def laplacian(cells: Cells) -> Floats:
    """Return the N × N matrix that penalises different answers on cells that look the same where they touch."""
    total = len(cells.sizes)
    scale = max(FAINT, float(np.average(cells.contrast, weights=cells.lengths))) if cells.lengths.size else FAINT
    side = np.sqrt(cells.sizes.mean())
    alike = np.exp(-((cells.contrast / scale) ** 2)) * cells.lengths / side + 0.003
    weights = np.zeros((total, total), np.float32)
    weights[cells.one, cells.other] = weights[cells.other, cells.one] = alike
    return np.diag(weights.sum(axis=1)) - weights


def settle(stiffness: Floats, fore: Floats, back: Floats) -> Floats:
    """Return N values in 0..1 that follow the pulls to 1 and to 0 and vary little between alike neighbours.

    The random walker with priors (Grady 2005): (L + fore + back) x = fore, by conjugate gradients (Hestenes & Stiefel
    1952), which needs some 20 products with the matrix; ``numpy.linalg.solve`` would start a thread on every core.
    """
    system = stiffness.copy()
    diagonal = np.einsum("ii->i", system)
    diagonal += fore + back + np.float32(1e-3)
    answer = (fore / (fore + back + 1e-3)).astype(np.float32)
    residual = fore.astype(np.float32) - system @ answer
    direction = np.zeros_like(answer)
    last = np.inf
    for _ in range(SOLVED):
        scaled = residual / diagonal
        energy = float(residual @ scaled)
        if energy < 1e-8:
            break
        direction = scaled + np.float32(energy / last) * direction
        last = energy
        product = system @ direction
        step = np.float32(energy / float(direction @ product))
        answer += step * direction
        residual -= step * product
    return np.clip(answer, 0, 1)


def likeness(squares: Floats) -> Floats:
    """Return the Gaussian kernel of squared distances in standard deviations; beyond nine, 0."""
    # Below 1e-20 products would become denormal numbers, which are a hundred times slower.
    return np.where(squares < 81, np.exp(-np.minimum(squares, 81) / 2), 0).astype(np.float32)


def squared_distances(points: Floats) -> Floats:
    """Return the N × N squared Euclidean distances of N × D points."""
    squares = (points**2).sum(axis=1)
    return np.asarray(np.maximum(squares[:, None] + squares[None] - 2 * points @ points.T, 0), np.float32)


def _slic(values: Floats) -> Ints:
    """Assign each pixel to the nearest in colour and place among its nine home cells, and repeat."""
    height, width = values.shape[:2]
    side = max(1.0, np.sqrt(height * width / COUNT))
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    ys, xs = np.divmod(np.arange(height * width), width)
    row, column = ys * rows // height, xs * columns // width
    place = np.stack([xs, ys]) * (COMPACTNESS / side)
    points = np.concatenate([values.reshape(-1, 4).T, place]).astype(np.float32)
    labels = row * columns + column
    for _ in range(ROUNDS):
        centres = _means(labels, rows * columns, list(points)).T
        nearest = np.full(height * width, np.inf, np.float32)
        for candidate in _nine(row, column, rows, columns):
            distance = ((points - centres[:, candidate]) ** 2).sum(axis=0)
            closer = distance < nearest
            nearest[closer] = distance[closer]
            labels = np.where(closer, candidate, labels)
    return np.unique(labels, return_inverse=True)[1].reshape(height, width)


def _nine(row: Ints, column: Ints, rows: int, columns: int) -> Iterator[Ints]:
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            yield np.clip(row + down, 0, rows - 1) * columns + np.clip(column + right, 0, columns - 1)


def _means(labels: Ints, total: int, pictures: list[NDArray[np.generic]]) -> Floats:
    """Return total × pictures; what has no pixels is infinitely far."""
    sizes = np.bincount(labels, minlength=total)
    sums = np.stack([np.bincount(labels, picture, total) for picture in pictures], axis=1)
    empty = np.full_like(sums, np.inf)
    return np.divide(sums, sizes[:, None], out=empty, where=sizes[:, None] > 0).astype(np.float32)


def _borders(values: Floats, labels: Ints, total: int) -> tuple[Ints, Ints, Floats, Floats]:
    """Return the pairs of touching cells, the length of their border, and the mean difference three pixels across."""
    pairs, differences = [], []
    for axis in (0, 1):
        length = labels.shape[axis]
        before, after = np.arange(length - 1), np.arange(1, length)
        near, far = labels.take(before, axis), labels.take(after, axis)
        outer = values.take(np.maximum(before - 1, 0), axis) - values.take(np.minimum(after + 1, length - 1), axis)
        touching = near != far
        low, high = np.minimum(near, far)[touching], np.maximum(near, far)[touching]
        pairs.append(low * total + high)
        differences.append(np.linalg.norm(outer[touching], axis=1))
    keys, which = np.unique(np.concatenate(pairs), return_inverse=True)
    lengths = np.bincount(which, minlength=len(keys)).astype(np.float32)
    across = np.bincount(which, np.concatenate(differences), len(keys)) / np.maximum(lengths, 1)
    one, other = np.divmod(keys, total)
    return one, other, lengths, across.astype(np.float32)
