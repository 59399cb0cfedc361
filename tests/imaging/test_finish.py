"""Finishing a mask: holes, islands, the border, a soft edge."""

import cv2
import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tasks.imaging.finish import CRUMB, finish
from tests.imaging.pictures import disc

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 24), st.integers(1, 24))).map(
    lambda found: np.where(found, np.uint8(255), np.uint8(0))
)
"""Noise of any size: the worst case of holes and islands."""


def within(inner: NDArray[np.uint8], outer: NDArray[np.uint8]) -> bool:
    return bool((inner <= outer).all())


@given(MASKS)
def test_finishing_twice_changes_nothing_more(mask: NDArray[np.uint8]) -> None:
    once = finish(mask)
    assert np.array_equal(finish(once), once)
    assert set(np.unique(once)) <= {0, 255}


@given(MASKS, st.integers(0, 8), st.integers(0, 8))
def test_growing_holds_the_mask_and_grows_with_the_pixels(mask: NDArray[np.uint8], less: int, more: int) -> None:
    less, more = sorted((less, more))
    assert within(finish(mask), finish(mask, border_adjustment=less))
    assert within(finish(mask, border_adjustment=less), finish(mask, border_adjustment=more))


@given(MASKS, st.integers(0, 8), st.integers(0, 8))
def test_shrinking_stays_in_the_mask_and_shrinks_with_the_pixels(mask: NDArray[np.uint8], less: int, more: int) -> None:
    less, more = sorted((less, more))
    assert within(finish(mask, border_adjustment=-less), finish(mask))
    assert within(finish(mask, border_adjustment=-more), finish(mask, border_adjustment=-less))


@given(MASKS, st.integers(1, 8))
def test_shrinking_what_was_grown_holds_the_mask(mask: NDArray[np.uint8], pixels: int) -> None:
    """A closing: only what the growth bridged is added."""
    grown = finish(mask, border_adjustment=pixels)
    assert within(finish(mask), finish(grown, border_adjustment=-pixels))


@given(MASKS, st.integers(0, 8))
def test_growing_is_exactly_the_distance(mask: NDArray[np.uint8], pixels: int) -> None:
    whole = finish(mask)
    white, everywhere = np.argwhere(whole), np.argwhere(np.ones_like(whole))
    if len(white):
        nearest = np.linalg.norm(everywhere[:, None] - white[None], axis=2).min(axis=1).reshape(whole.shape)
        assert np.array_equal(finish(mask, border_adjustment=pixels) > 0, nearest <= pixels + 1e-6)


@given(MASKS)
def test_no_hole_is_left(mask: NDArray[np.uint8]) -> None:
    """From outside, every black pixel can be reached through edge neighbours."""
    framed = np.pad(finish(mask), 1)
    assert cv2.connectedComponents(255 - framed, connectivity=4)[0] <= 2


def test_islands_are_small_beside_the_largest_part() -> None:
    """One pixel more than the documented share stays, one less goes."""
    mask = np.zeros((100, 200), np.uint8)
    mask[:, :100] = 255
    share = round(CRUMB * 100 * 100)
    mask[0, 110:180] = mask[1, 110:180] = 255
    mask[2, 110 : 110 + share - 140] = 255
    assert finish(mask)[0, 150] == 255
    mask[2, 110 + share - 141] = 0
    assert finish(mask)[0, 150] == 0


def test_the_photo_edge_does_not_shrink() -> None:
    """Half a photo loses its inner border, not its outer ones; the whole photo loses nothing."""
    mask = np.zeros((40, 60), np.uint8)
    mask[:, :30] = 255
    expected = np.zeros_like(mask)
    expected[:, :27] = 255
    assert np.array_equal(finish(mask, border_adjustment=-3), expected)
    assert finish(np.full((9, 9), 255, np.uint8), border_adjustment=-50).all()


def test_a_mask_shrunk_to_nothing_is_empty() -> None:
    assert not finish(disc(50, 50, 10), border_adjustment=-11).any()


def test_a_soft_edge_keeps_inside_and_outside() -> None:
    """Grey lies within three standard deviations of the border and falls from inside to outside."""
    mask = disc(200, 200, 60)
    soft = finish(mask, soft=True)
    assert soft.dtype == np.uint8
    distance = np.hypot(*(np.mgrid[:200, :200] - 100))
    assert (soft[distance < 56] == 255).all()
    assert (soft[distance > 65] == 0).all()
    row = soft[100, 100:].astype(int)
    assert (np.diff(row) <= 0).all()
    assert len(np.unique(row)) > 4


def test_arguments_are_not_changed() -> None:
    mask = disc(30, 30, 9)
    before = mask.copy()
    finish(mask, border_adjustment=3, soft=True)
    assert np.array_equal(mask, before)
