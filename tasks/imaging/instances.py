"""All instances that a segmentation model found in a photo, kept small enough to be stored beside it.

The masks stay at the model's resolution, and are brought to the photo's size one by one when somebody needs one: a
pixel belongs to an instance where the bilinear interpolation of its mask (pixel centres aligned at the corners' half
pixels) is above one half. That is what ultralytics 8.4 does in ``scale_masks`` and ``prompt``, in float32 as there.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tasks.imaging.masks import Mask

FORMAT_VERSION: Final = 1
"""Of ``to_bytes``; a part of the key that stored instances are found by."""
LARGEST_SIDE: Final = 1 << 16
MOST_PIXELS: Final = 1 << 28
LARGEST_GRID_SIDE: Final = 4096

_MAGIC: Final = b"DRKI"
_HEADER: Final = struct.Struct("<4sHHIIHHI")
_RECORD: Final = np.dtype(
    [("box", "<i4", (4,)), ("area", "<i8"), ("score", "<f4"), ("frame", "<u2", (4,)), ("packed", "<u4")]
)
_ROWS_AT_ONCE: Final = 64
"""Rows of a photo that are interpolated together: 64 × 4,000 floats stay in a core's cache."""

Bits = NDArray[np.bool_]
Weights = NDArray[np.float32]
Indices = NDArray[np.int64]
Box = tuple[int, int, int, int]


class DamagedInstances(ValueError):  # noqa: N818 - what was read, not what was done
    """Bytes that ``to_bytes`` did not write."""


@dataclass(frozen=True, slots=True)
class Instances:
    """N masks of one photo.

    ``frames`` says where the set bits of each mask lie on the grid of ``rows`` × ``columns`` that the model saw the
    photo on (N × 4: x0, y0, x1, y1, the last two exclusive), ``packed`` holds the bits of each frame. ``boxes``
    (N × 4, likewise) and ``areas`` (N, pixels) are exact at the photo's size; no mask is empty there. ``scores`` (N)
    are the model's confidence, 0–1.
    """

    height: int
    width: int
    rows: int
    columns: int
    boxes: NDArray[np.int32]
    areas: Indices
    scores: Weights
    frames: NDArray[np.uint16]
    packed: tuple[bytes, ...]

    @classmethod
    def of(
        cls, masks: Iterable[Bits], scores: Iterable[float], *, grid: tuple[int, int], photo: tuple[int, int]
    ) -> Self:
        """Keep masks of ``grid`` (rows, columns) of a photo of ``photo`` (height, width) pixels.

        Masks that are empty at the photo's size are left out.
        """
        down, across = _stretch(grid[0], photo[0]), _stretch(grid[1], photo[1])
        records, packed = [], []
        for mask, score in zip(masks, scores, strict=True):
            frame = _frame(mask)
            if frame is None:
                continue
            x0, y0, x1, y1 = frame
            bits = mask[y0:y1, x0:x1]
            box, area = _measure(bits, frame, down, across)
            if area:
                packed.append(_pack(bits))
                records.append((box, area, score, frame, len(packed[-1])))
        table = np.array(records, _RECORD)
        return cls._of_table(photo, grid, table, tuple(packed))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what ``to_bytes`` wrote; the masks are unpacked when they are needed.

        Raises ``DamagedInstances`` for anything else, in time and memory that do not depend on what the bytes claim.
        """
        if len(data) < _HEADER.size:
            raise DamagedInstances("too short")
        magic, version, count, height, width, rows, columns, checksum = _HEADER.unpack_from(data)
        start = _HEADER.size + count * _RECORD.itemsize
        if (magic, version) != (_MAGIC, FORMAT_VERSION) or len(data) < start:
            raise DamagedInstances("no instances, or of another version")
        if checksum != zlib.crc32(data[_HEADER.size :]):
            raise DamagedInstances("a checksum that does not fit")
        table = np.frombuffer(data, _RECORD, count, _HEADER.size)
        _check(table, (height, width), (rows, columns))
        ends = [start, *(start + np.cumsum(table["packed"], dtype=np.int64)).tolist()]
        if len(data) != ends[-1]:
            raise DamagedInstances("too short or too long")
        packed = tuple(data[begin:end] for begin, end in pairwise(ends))
        return cls._of_table((height, width), (rows, columns), table, packed)

    @classmethod
    def _of_table(
        cls, photo: tuple[int, int], grid: tuple[int, int], table: NDArray[np.void], packed: tuple[bytes, ...]
    ) -> Self:
        columns = table["box"], table["area"], table["score"], table["frame"]
        return cls(*photo, *grid, *columns, packed)

    def to_bytes(self) -> bytes:
        """Return everything in a form of its own: a header, a table, and the deflated bits of each mask."""
        table = np.zeros(len(self), _RECORD)
        table["box"], table["area"], table["score"] = self.boxes, self.areas, self.scores
        table["frame"], table["packed"] = self.frames, [len(each) for each in self.packed]
        body = b"".join([table.tobytes(), *self.packed])
        sizes = len(self), self.height, self.width, self.rows, self.columns
        return _HEADER.pack(_MAGIC, FORMAT_VERSION, *sizes, zlib.crc32(body)) + body

    def __len__(self) -> int:
        return len(self.packed)

    def box(self, index: int) -> Box:
        """Return x0, y0, x1, y1 of a mask in pixels of the photo, x1 and y1 exclusive."""
        x0, y0, x1, y1 = self.boxes[index].tolist()
        return x0, y0, x1, y1

    def frame(self, index: int) -> Box:
        """Return where a mask's bits lie on the grid: x0, y0, x1, y1, the last two exclusive."""
        x0, y0, x1, y1 = self.frames[index].tolist()
        return x0, y0, x1, y1

    def bits(self, index: int) -> Bits:
        """Return a mask inside its frame, at the model's resolution. Raises ``DamagedInstances``."""
        x0, y0, x1, y1 = self.frame(index)
        return _unpack(self.packed[index], y1 - y0, x1 - x0)

    def containing(self, points: Indices) -> Bits:
        """Return N × P: which instance contains which of P × 2 pixels (x, y) of the photo."""
        x, y = points[:, 0], points[:, 1]
        x0, y0, x1, y1 = (side[:, None] for side in self.boxes.T)
        inside: Bits = (x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)
        down, across = _stretch(self.rows, self.height), _stretch(self.columns, self.width)
        for index in np.flatnonzero(inside.any(axis=1)).tolist():
            cells, (left, top, *_) = _cells(self.bits(index), self.frame(index), self.rows, self.columns)
            near = np.flatnonzero(inside[index])
            inside[index, near] = _is_white(cells, down.at(y[near], top), across.at(x[near], left))
        return inside

    def overlap(self, index: int, box: Box) -> int:
        """Return how many pixels of the photo an instance has in a box (x1 and y1 exclusive)."""
        own = self.box(index)
        x0, y0, x1, y1 = max(box[0], own[0]), max(box[1], own[1]), min(box[2], own[2]), min(box[3], own[3])
        if x0 >= x1 or y0 >= y1:
            return 0
        down, across = _stretch(self.rows, self.height), _stretch(self.columns, self.width)
        left, top, right, bottom = self.frame(index)
        # The samples around the box's pixels, and no others.
        x, y = slice(*across.samples(x0, x1, left, right)), slice(*down.samples(y0, y1, top, bottom))
        bits = self.bits(index)[y.start - top : y.stop - top, x.start - left : x.stop - left]
        part = x.start, y.start, x.stop, y.stop
        return _measure(bits, part, down.within(y0, y1), across.within(x0, x1))[1]

    def mask(self, indices: Iterable[int]) -> Mask:
        """Return the union of some instances as a mask of the photo's size."""
        mask = np.zeros((self.height, self.width), np.uint8)
        for index in indices:
            self._draw(index, mask)
        return mask

    def _draw(self, index: int, mask: Mask) -> None:
        x0, y0, x1, y1 = self.box(index)
        cells, (left, top, *_) = _cells(self.bits(index), self.frame(index), self.rows, self.columns)
        column = _stretch(self.columns, self.width).at(np.arange(x0, x1), left)
        grid = cells.astype(np.float32)
        across = grid[:, column.cell] * column.near + grid[:, column.cell + 1] * column.far
        down = _stretch(self.rows, self.height)
        for start in range(y0, y1, _ROWS_AT_ONCE):
            end = min(start + _ROWS_AT_ONCE, y1)
            row = down.at(np.arange(start, end), top)
            value = across[row.cell] * row.near[:, None] + across[row.cell + 1] * row.far[:, None]
            mask[start:end, x0:x1][value > 0.5] = 255


@dataclass(frozen=True, slots=True)
class _Samples:
    """Pixels along one axis: the cell (between two samples of the grid) each lies in, and the weights of the two."""

    cell: Indices
    near: Weights
    far: Weights


@dataclass(frozen=True, slots=True)
class _Stretch:
    """How one axis of the grid becomes one of the photo.

    Pixel ``i`` lies in ``cell[i]``, and ``far[i]`` is the weight of the cell's second sample. ``start`` and ``end``
    bound, for each cell, the pixels that lie in it and count.
    """

    cell: Indices
    far: Weights
    start: Indices
    end: Indices

    def at(self, pixels: Indices, offset: int = 0) -> _Samples:
        """Return where pixels lie, with cells counted from ``offset``."""
        far = self.far[pixels]
        return _Samples(self.cell[pixels] - offset, np.float32(1) - far, far)

    def samples(self, low: int, high: int, start: int, end: int) -> tuple[int, int]:
        """Return which of the samples from ``start`` to ``end`` the pixels from ``low`` to ``high`` lie between."""
        return max(start, int(self.cell[low])), min(end, int(self.cell[high - 1]) + 2)

    def within(self, low: int, high: int) -> "_Stretch":
        """Count only pixels from ``low`` to ``high``, exclusive."""
        end = np.minimum(self.end, high)
        return _Stretch(self.cell, self.far, np.minimum(np.maximum(self.start, low), end), end)


@lru_cache(maxsize=16)
def _stretch(grid: int, photo: int) -> _Stretch:
    """Return how ``grid`` samples become ``photo`` pixels, with PyTorch's rule for bilinear interpolation.

    All in float32, as PyTorch's ``area_pixel_compute_source_index`` does it: a pixel whose value is one half by a
    hair falls on the same side.
    """
    half = np.float32(0.5)
    place = np.float32(grid) / np.float32(photo) * (np.arange(photo, dtype=np.float32) + half) - half
    place = np.maximum(place, np.float32(0))
    cell = np.minimum(place.astype(np.int64), grid - 1)
    far = np.clip(place - cell.astype(np.float32), np.float32(0), np.float32(1))
    borders = np.searchsorted(cell, np.arange(grid + 1))
    return _Stretch(cell, far, borders[:-1], borders[1:])


def _frame(mask: Bits) -> Box | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _cells(bits: Bits, frame: Box, rows: int, columns: int) -> tuple[Bits, Box]:
    """Return the corners of all cells that a mask reaches into, and their place on the grid.

    Cell (i, j) has the corners [i : i + 2, j : j + 2]. Past the end of the grid its last samples go on.
    """
    x0, y0, x1, y1 = frame
    left, top = max(x0 - 1, 0), max(y0 - 1, 0)
    corners = np.zeros((y1 - top + 1, x1 - left + 1), np.bool_)
    corners[y0 - top : -1, x0 - left : -1] = bits
    if y1 == rows:
        corners[-1] = corners[-2]
    if x1 == columns:
        corners[:, -1] = corners[:, -2]
    return corners, (left, top, x1, y1)


def _is_white(corners: Bits, row: _Samples, column: _Samples) -> Bits:
    """Return which pixels are white; the shapes of rows and columns broadcast against each other."""
    y, x = row.cell, column.cell
    above = corners[y, x] * column.near + corners[y, x + 1] * column.far
    below = corners[y + 1, x] * column.near + corners[y + 1, x + 1] * column.far
    white: Bits = above * row.near + below * row.far > 0.5
    return white


def _measure(bits: Bits, frame: Box, down: _Stretch, across: _Stretch) -> tuple[Box, int]:
    """Return the box of a mask's pixels in the photo and their number, without drawing them.

    A cell with four white corners is white throughout and one with four black ones is black: only the cells on the
    mask's edge are looked at pixel by pixel.
    """
    corners, (left, top, right, bottom) = _cells(bits, frame, len(down.start), len(across.start))
    row_start, row_end = down.start[top:bottom], down.end[top:bottom]
    column_start, column_end = across.start[left:right], across.end[left:right]
    heights, widths = row_end - row_start, column_end - column_start
    both, either = corners[:, :-1] & corners[:, 1:], corners[:, :-1] | corners[:, 1:]
    seen = (heights > 0)[:, None] & (widths > 0)
    whole = both[:-1] & both[1:] & seen
    i, j = np.divmod(np.flatnonzero((either[:-1] | either[1:]) & seen & ~whole), seen.shape[1])
    i, j = i[:, None, None], j[:, None, None]
    y = row_start[i] + np.arange(heights.max(initial=0))[:, None]
    x = column_start[j] + np.arange(widths.max(initial=0))
    row_far, column_far = down.far.take(y, mode="clip"), across.far.take(x, mode="clip")
    row, column = _Samples(i, np.float32(1) - row_far, row_far), _Samples(j, np.float32(1) - column_far, column_far)
    white = _is_white(corners, row, column) & (y < row_end[i]) & (x < column_end[j])
    # A row of a photo has less than 2^24 pixels: float32 counts them exactly, and ten times as fast as integers.
    in_rows = whole.astype(np.float32) @ widths.astype(np.float32)
    area = int(heights @ in_rows.astype(np.int64)) + int(np.count_nonzero(white))
    x0, x1 = _span(np.any(whole, axis=0), column_start, column_end, np.broadcast_to(x, white.shape)[white])
    y0, y1 = _span(np.any(whole, axis=1), row_start, row_end, np.broadcast_to(y, white.shape)[white])
    return (x0, y0, x1, y1), area


def _span(cells: Bits, start: Indices, end: Indices, pixels: Indices) -> tuple[int, int]:
    """Return where what is white begins and ends along an axis: whole cells, and single pixels."""
    first = min(start[cells].min(initial=LARGEST_SIDE), pixels.min(initial=LARGEST_SIDE))
    last = max(end[cells].max(initial=0), pixels.max(initial=-1) + 1)
    return int(first), int(last)


def _pack(bits: Bits) -> bytes:
    """Deflate bits: each row as its difference from the row above, which is next to nothing inside an object."""
    rows = np.packbits(bits, axis=1)
    rows[1:] ^= rows[:-1].copy()
    return zlib.compress(rows.tobytes(), 1)


def _unpack(packed: bytes, height: int, width: int) -> Bits:
    length = height * ((width + 7) // 8)
    try:
        raw = zlib.decompressobj().decompress(packed, length + 1)
    except zlib.error as error:
        raise DamagedInstances("a mask cannot be unpacked") from error
    if len(raw) != length:
        raise DamagedInstances("a mask has another size than its frame")
    rows = np.bitwise_xor.accumulate(np.frombuffer(raw, np.uint8).reshape(height, -1), axis=0)
    return np.unpackbits(rows, axis=1, count=width).view(np.bool_)


def _check(table: NDArray[np.void], photo: tuple[int, int], grid: tuple[int, int]) -> None:
    """Refuse a table that no photo has, so that nothing is read outside a mask and no memory is taken for nothing."""
    (height, width), (rows, columns) = photo, grid
    if not (0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE and height * width <= MOST_PIXELS):
        raise DamagedInstances("no photo has that size")
    if not (0 < rows <= LARGEST_GRID_SIDE and 0 < columns <= LARGEST_GRID_SIDE):
        raise DamagedInstances("no model has that size")
    x, y = table["box"][:, ::2], table["box"][:, 1::2]
    left_right, top_bottom = table["frame"][:, ::2].astype(np.int64), table["frame"][:, 1::2].astype(np.int64)
    inside = _reach(x, width, left_right, columns) and _reach(y, height, top_bottom, rows)
    scores, areas = table["score"], table["area"]
    if not (inside and np.all((scores >= 0) & (scores <= 1)) and np.all((areas > 0) & (areas <= height * width))):
        raise DamagedInstances("a mask lies outside its photo")


def _reach(pixels: NDArray[np.int32], photo: int, samples: Indices, grid: int) -> bool:
    """Whether N spans (start, end) lie in the photo and on the grid, and all pixels of each in cells of its samples."""
    (first, end), (low, high) = pixels.T, samples.T
    if not np.all((first >= 0) & (first < end) & (end <= photo) & (low < high) & (high <= grid)):
        return False
    cell = _stretch(grid, photo).cell
    return bool(np.all((cell[first] >= low - 1) & (cell[end - 1] < high)))
