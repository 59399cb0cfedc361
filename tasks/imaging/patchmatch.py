"""Filling a hole with texture from the rest of the photo.

Coarse to fine, each level alternates between finding for every patch that touches the hole the most similar patch
outside it, and averaging what the found patches say about each pixel (Wexler, Shechtman & Irani, "Space-Time Completion
of Video", PAMI 2007). The search spreads good matches to neighbours and tries random ones (Barnes et al., "PatchMatch",
SIGGRAPH 2009), for all patches at once; patches are compared by their principal components.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tasks.imaging.masks import Mask, bounding_box, dilate, grow

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
Tick = Callable[[], None]
"""Called several times a second; may raise to stop the work."""

RADIUS: Final = 3
PATCH: Final = 2 * RADIUS + 1
COMPONENTS: Final = 20
"""Principal components of the 147 numbers of a patch; they hold over 95 % of the variance of photos."""
NEARNESS: Final = 300.0
"""Cost of looking across the whole picture, in grey levels per patch: of equal patches the nearer one wins."""
MAX_HOLE: Final = 30_000
"""Pixels of the hole at the working size: about two seconds. Above it, texture is copied at full size in the end."""
MAX_AREA: Final = 360_000
"""Pixels of the hole and its surroundings at the working size."""
GUARD: Final = 2
"""Pixels around the hole that serve as no source: masks are often a little too tight."""
EXACT_PAIRS: Final = 30_000_000
"""Up to this many pairs of patches, all are compared."""
FALLOFF: Final = 1.3
"""A patch's say falls by this factor per pixel of depth in the hole (Wexler et al., section 3.2)."""


@dataclass(slots=True)
class Level:
    """One size of the picture. A patch is named by its top-left pixel, as ``y * across + x``."""

    image: Floats
    """H × W × 3, 0–255; the hole is filled in the course of the work."""
    hole: NDArray[np.bool_]
    across: int
    """Patches per row: W - PATCH + 1."""
    is_source: NDArray[np.bool_]
    sources: Indices
    targets: Indices
    slot: Indices
    """For each patch its position in ``targets``, or -1."""
    weight: Floats
    """How much each target is trusted, by its depth in the hole."""
    guide: Floats
    """Down × across × 2: what a patch's place adds to its features."""


@dataclass(slots=True)
class Field:
    """For each target its match, and the squared distance of their features."""

    match: Indices
    cost: Floats


def fill(photo: NDArray[np.uint8], hole: Mask, guess: NDArray[np.uint8], seed: int, tick: Tick) -> NDArray[np.uint8]:
    """Return H × W × 3 with the area where ``hole`` is 255 replaced by texture found elsewhere in the photo.

    ``guess`` is the photo with a smooth fill (the MAE condition); it starts the coarsest level, and is the answer
    where nothing is left to copy from. Deterministic in ``seed``. Pixels outside the hole are kept exactly.
    """
    result = photo.copy()
    if not hole.any():
        return result
    x0, y0, x1, y1 = _surroundings(hole)
    box = np.s_[y0:y1, x0:x1]
    result[box] = _fill(photo[box], hole[box], guess[box], np.random.default_rng(seed), tick)
    return result


def _surroundings(hole: Mask) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = bounding_box(hole)
    return grow((x0, y0, x1, y1), max(48, x1 - x0, y1 - y0), hole.shape)


def _fill(
    photo: NDArray[np.uint8],
    hole: Mask,
    guess: NDArray[np.uint8],
    random: np.random.Generator,
    tick: Tick,
) -> NDArray[np.uint8]:
    if min(hole.shape) < PATCH:
        return np.where(hole[..., None] > 0, guess, photo).astype(np.uint8)
    blocked = dilate(hole, GUARD)
    working = _working_scale(hole)
    start = np.where(hole[..., None] > 0, guess, photo).astype(np.uint8)
    previous: tuple[Level, Field] | None = None
    for scale, rounds in _schedule(hole, working):
        level = _build_level(start, hole, blocked, scale)
        if level.sources.size == 0:
            continue
        if previous is None:
            field = _first_field(level, random)
        else:
            field = _carry_over(*previous, level)
            _vote(level, field, tick)
        _refine(level, field, rounds, random, tick)
        previous = level, field
    if previous is None:
        return start
    return _render(photo, hole, *previous, tick)


def _working_scale(hole: Mask) -> float:
    return float(min(1.0, (MAX_HOLE / cv2.countNonZero(hole)) ** 0.5, (MAX_AREA / hole.size) ** 0.5))


def _schedule(hole: Mask, working: float) -> Iterator[tuple[float, int]]:
    """Yield scale and rounds of each level, coarse to fine: at the coarsest a patch bridges half of the hole."""
    depth = float(cv2.distanceTransform(_framed(hole), cv2.DIST_L2, 3).max()) * working
    levels = max(0, int(np.ceil(np.log2(max(depth, 1) / PATCH)) + 1))
    smallest = min(hole.shape) * working
    levels = min(levels, max(0, int(np.log2(max(1.0, smallest / (10 * PATCH))))))
    for finer in range(levels, -1, -1):
        yield working / 2**finer, 2 + 3 * min(finer, 2)


def _framed(hole: Mask) -> Mask:
    return np.asarray(cv2.copyMakeBorder(hole, 1, 1, 1, 1, cv2.BORDER_REPLICATE), np.uint8)


# Levels


def _build_level(photo: NDArray[np.uint8], hole: Mask, blocked: Mask, scale: float) -> Level:
    small = _shrink(photo, scale).astype(np.float32)
    inside = _shrink(hole, scale) > 0
    across, down = small.shape[1] - PATCH + 1, small.shape[0] - PATCH + 1
    is_source = ~_touches(_shrink(blocked, scale) > 0)
    touches = _touches(inside)
    targets = np.flatnonzero(touches)
    slot = np.full(across * down, -1, np.intp)
    slot[targets] = np.arange(targets.size)
    depth = cv2.distanceTransform(_framed(inside.astype(np.uint8)), cv2.DIST_L2, 3)[1:-1, 1:-1]
    centre = depth[RADIUS : RADIUS + down, RADIUS : RADIUS + across]
    weight = np.power(np.float32(FALLOFF), -np.minimum(centre.ravel()[targets], 40)).astype(np.float32)
    return Level(
        image=small,
        hole=inside,
        across=across,
        is_source=is_source,
        sources=np.flatnonzero(is_source),
        targets=targets,
        slot=slot,
        weight=weight,
        guide=_guide(down, across),
    )


def _shrink(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return picture
    height, width = (max(PATCH, round(side * scale)) for side in picture.shape[:2])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _touches(area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell for each patch, flat, whether it touches the area."""
    spread = cv2.dilate(area.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8))
    return np.asarray(spread[RADIUS:-RADIUS, RADIUS:-RADIUS] > 0).ravel()


def _guide(down: int, across: int) -> Floats:
    y, x = np.mgrid[0:down, 0:across].astype(np.float32)
    return np.stack((y, x), axis=-1) * np.float32(NEARNESS / max(down, across))


# Matching


def _first_field(level: Level, random: np.random.Generator) -> Field:
    match = random.choice(level.sources, level.targets.size)
    return Field(match, np.full(level.targets.size, np.inf, np.float32))


def _carry_over(coarse: Level, field: Field, fine: Level) -> Field:
    """Bring matches to the next finer level: each patch takes the displacement of the coarse patch at its place."""
    ratio = fine.image.shape[1] / coarse.image.shape[1], fine.image.shape[0] / coarse.image.shape[0]
    x, y = fine.targets % fine.across, fine.targets // fine.across
    down = coarse.slot.size // coarse.across
    cx = np.minimum((x / ratio[0]).astype(np.intp), coarse.across - 1)
    cy = np.minimum((y / ratio[1]).astype(np.intp), down - 1)
    slot = _nearest_slot(coarse)[cy * coarse.across + cx]
    source = field.match[slot]
    step_x = np.rint((source % coarse.across - coarse.targets[slot] % coarse.across) * ratio[0]).astype(np.intp)
    step_y = np.rint((source // coarse.across - coarse.targets[slot] // coarse.across) * ratio[1]).astype(np.intp)
    fine_down = fine.slot.size // fine.across
    guess = np.clip(y + step_y, 0, fine_down - 1) * fine.across + np.clip(x + step_x, 0, fine.across - 1)
    return Field(_nearest_source(fine)[guess], np.full(fine.targets.size, np.inf, np.float32))


def _nearest_slot(level: Level) -> Indices:
    return _nearest(level.slot >= 0, level.slot, level.across)


def _nearest_source(level: Level) -> Indices:
    return _nearest(level.is_source, np.arange(level.slot.size), level.across)


def _nearest(where: NDArray[np.bool_], values: Indices, across: int) -> Indices:
    """Return for each patch the value of the nearest patch that is ``where``."""
    missing = (~where).astype(np.uint8).reshape(-1, across)
    _, labels = cv2.distanceTransformWithLabels(missing, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    lookup = np.zeros(int(labels.max()) + 1, np.intp)
    lookup[labels.ravel()[where]] = values[where]
    return np.asarray(lookup[labels.ravel()])


def _refine(level: Level, field: Field, rounds: int, random: np.random.Generator, tick: Tick) -> None:
    windows = sliding_window_view(level.image, (PATCH, PATCH), axis=(0, 1))
    basis = _basis(windows, level, random)
    known = _features(windows, level.sources, level, basis, tick)
    place = np.full(level.slot.size, -1, np.intp)
    place[level.sources] = np.arange(level.sources.size)
    exact = level.sources.size * level.targets.size <= EXACT_PAIRS
    for _ in range(rounds):
        wanted = _features(windows, level.targets, level, basis, tick)
        search = _Search(level, field, wanted, known, place, tick)
        field.cost = search.distance(np.arange(level.targets.size), field.match)
        if exact:
            search.compare_all()
        else:
            search.propagate()
            search.wander(random)
        _vote(level, field, tick)


def _basis(windows: Floats, level: Level, random: np.random.Generator) -> Floats:
    sample = random.choice(level.sources, min(4000, level.sources.size), replace=False)
    patches = windows[sample // level.across, sample % level.across].reshape(sample.size, -1)
    centred = patches - patches.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return np.ascontiguousarray(vectors[:, -COMPONENTS:], np.float32)


def _features(windows: Floats, patches: Indices, level: Level, basis: Floats, tick: Tick) -> Floats:
    chunks = []
    for start in range(0, patches.size, 20_000):
        tick()
        some = patches[start : start + 20_000]
        y, x = some // level.across, some % level.across
        chunks.append(np.hstack((windows[y, x].reshape(some.size, -1) @ basis, level.guide[y, x])))
    return np.concatenate(chunks)


@dataclass(slots=True)
class _Search:
    """One round's search for better matches."""

    level: Level
    field: Field
    wanted: Floats
    known: Floats
    place: Indices
    """For each patch its row in ``known``, or -1."""
    tick: Tick

    def distance(self, slots: Indices, sources: Indices) -> Floats:
        difference = self.wanted[slots] - self.known[self.place[sources]]
        return np.asarray(np.einsum("ij,ij->i", difference, difference), np.float32)

    def compare_all(self) -> None:
        """Compare every target with every source."""
        squares = np.einsum("ij,ij->i", self.known, self.known)
        step = max(1, 4_000_000 // self.level.sources.size)
        for start in range(0, self.level.targets.size, step):
            self.tick()
            some = np.arange(start, min(start + step, self.level.targets.size))
            best = (squares - 2 * (self.wanted[some] @ self.known.T)).argmin(axis=1)
            self._offer(some, self.level.sources[best])

    def propagate(self) -> None:
        """Offer each target what its neighbours found, moved along."""
        x, y = self.level.targets % self.level.across, self.level.targets // self.level.across
        for jump in (8, 4, 2, 1, 1):
            for dx, dy in ((-jump, 0), (jump, 0), (0, -jump), (0, jump)):
                self.tick()
                slots, neighbours = self._neighbours(x + dx, y + dy)
                self._offer_at(slots, self.field.match[neighbours], -dx, -dy)

    def wander(self, random: np.random.Generator) -> None:
        """Offer each target random patches, ever closer to its match, and one from anywhere."""
        slots = np.arange(self.level.targets.size)
        self._offer(slots, random.choice(self.level.sources, slots.size))
        reach = self.level.across // 2
        while reach >= 1:
            self.tick()
            dx, dy = random.integers(-reach, reach + 1, (2, slots.size))
            self._offer_at(slots, self.field.match, dx, dy)
            reach //= 2

    def _neighbours(self, x: Indices, y: Indices) -> tuple[Indices, Indices]:
        down = self.level.slot.size // self.level.across
        within = (x >= 0) & (x < self.level.across) & (y >= 0) & (y < down)
        slots = np.flatnonzero(within)
        neighbours = self.level.slot[y[slots] * self.level.across + x[slots]]
        return slots[neighbours >= 0], neighbours[neighbours >= 0]

    def _offer_at(self, slots: Indices, sources: Indices, dx: Indices | int, dy: Indices | int) -> None:
        x, y = sources % self.level.across + dx, sources // self.level.across + dy
        down = self.level.slot.size // self.level.across
        within = np.flatnonzero((x >= 0) & (x < self.level.across) & (y >= 0) & (y < down))
        moved = y[within] * self.level.across + x[within]
        usable = self.level.is_source[moved]
        self._offer(slots[within[usable]], moved[usable])

    def _offer(self, slots: Indices, sources: Indices) -> None:
        cost = self.distance(slots, sources)
        better = cost < self.field.cost[slots]
        self.field.match[slots[better]] = sources[better]
        self.field.cost[slots[better]] = cost[better]


# Voting


def _vote(level: Level, field: Field, tick: Tick) -> None:
    """Replace the hole's pixels by the weighted mean of what all matched patches say about them."""
    height, width = level.hole.shape
    weight = level.weight * _likeness(field.cost)
    pixels = level.image.reshape(-1, 3)
    total = np.zeros((height * width, 4), np.float32)
    to = level.targets // level.across * width + level.targets % level.across
    source = field.match // level.across * width + field.match % level.across
    for dy in range(PATCH):
        tick()
        for dx in range(PATCH):
            shift = dy * width + dx
            total[to + shift, :3] += pixels[source + shift] * weight[:, None]
            total[to + shift, 3] += weight
    where = np.flatnonzero(level.hole.ravel())
    where = where[total[where, 3] > 0]
    pixels[where] = total[where, :3] / total[where, 3:]


def _likeness(cost: Floats) -> Floats:
    if not np.isfinite(cost).all():
        return np.ones_like(cost)
    spread = max(float(np.percentile(cost, 75)), 1.0)
    return np.asarray(np.maximum(np.exp(-cost / (2 * spread)), 1e-6), np.float32)


def _render(photo: NDArray[np.uint8], hole: Mask, level: Level, field: Field, tick: Tick) -> NDArray[np.uint8]:
    """Copy the photo's own pixels, at full size, along the displacements found: sharper than the voted mean."""
    result = photo.copy()
    nearest = _nearest_slot(level)
    for rows in np.array_split(np.arange(hole.shape[0]), max(1, hole.shape[0] // 64)):
        tick()
        y, x = np.nonzero(hole[rows[0] : rows[-1] + 1])
        if y.size:
            result[y + rows[0], x] = _copied(photo, hole, level, field, nearest, y + rows[0], x)
    return result


def _copied(
    photo: NDArray[np.uint8],
    hole: Mask,
    level: Level,
    field: Field,
    nearest: Indices,
    y: Indices,
    x: Indices,
) -> NDArray[np.uint8]:
    height, width = hole.shape
    ratio_y, ratio_x = height / level.hole.shape[0], width / level.hole.shape[1]
    down = level.slot.size // level.across
    total = np.zeros((y.size, 4), np.float32)
    likeness = _likeness(field.cost)
    for dy, dx in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        py = np.clip((y / ratio_y).astype(np.intp) - RADIUS + dy, 0, down - 1)
        px = np.clip((x / ratio_x).astype(np.intp) - RADIUS + dx, 0, level.across - 1)
        slot = nearest[py * level.across + px]
        move = field.match[slot], level.targets[slot]
        from_y = y + np.rint((move[0] // level.across - move[1] // level.across) * ratio_y).astype(np.intp)
        from_x = x + np.rint((move[0] % level.across - move[1] % level.across) * ratio_x).astype(np.intp)
        usable = (from_y >= 0) & (from_y < height) & (from_x >= 0) & (from_x < width)
        from_y, from_x = np.clip(from_y, 0, height - 1), np.clip(from_x, 0, width - 1)
        weight = likeness[slot] * (usable & (hole[from_y, from_x] == 0)) * np.float32(2 if dx == dy == 0 else 1)
        total[:, :3] += photo[from_y, from_x] * weight[:, None]
        total[:, 3] += weight
    smooth = _sample(level.image, y / ratio_y, x / ratio_x)
    empty = total[:, 3] <= 0
    total[empty] = np.hstack((smooth[empty], np.ones((int(empty.sum()), 1), np.float32)))
    return np.asarray(np.rint(total[:, :3] / total[:, 3:]), np.uint8)


def _sample(image: Floats, y: NDArray[np.float64], x: NDArray[np.float64]) -> Floats:
    rows, columns = np.minimum(y.astype(np.intp), image.shape[0] - 1), np.minimum(x.astype(np.intp), image.shape[1] - 1)
    return np.asarray(image[rows, columns])
