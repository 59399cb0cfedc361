"""Completing a hole with texture, and placing an object."""

import numpy as np
import pytest

from tasks.errors import InputError
from tasks.imaging import patchmatch, placement
from tasks.imaging.extract import extract
from tasks.imaging.mae import mae
from tasks.jobs import MaskTool
from tests.imaging.pictures import disc, gradient, noise, psnr


def nothing() -> None:
    """A tick that never stops the work."""


def stripes(height: int = 150, width: int = 180) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A texture that a smooth fill cannot continue."""
    x = np.arange(width) // 6 % 2 * 180 + 40
    return np.repeat(np.tile(x, (height, 1))[..., None], 3, axis=2).astype(np.uint8)


def test_texture_is_continued_where_a_smooth_fill_smears() -> None:
    photo, hole = stripes(), disc(150, 180, 22)
    marked = photo.copy()
    marked[hole > 0] = (255, 0, 0)
    guess = mae(marked, hole, tool=MaskTool.BOX)
    filled = patchmatch.fill(marked, hole, guess, 1, nothing)
    assert np.array_equal(filled[hole == 0], marked[hole == 0])
    assert psnr(filled[hole > 0], photo[hole > 0]) > psnr(guess[hole > 0], photo[hole > 0]) + 6


def test_the_same_seed_fills_alike() -> None:
    photo, hole = noise(80, 90), disc(80, 90, 15)
    fills = [patchmatch.fill(photo, hole, photo, seed, nothing) for seed in (1, 1, 2)]
    assert np.array_equal(fills[0], fills[1])
    assert not np.array_equal(fills[0], fills[2])


def test_large_holes_are_filled_with_detail_of_full_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patchmatch, "MAX_HOLE", 400)
    photo, hole = noise(200, 240), disc(200, 240, 30)
    filled = patchmatch.fill(photo, hole, np.full_like(photo, 128), 3, nothing)
    assert np.array_equal(filled[hole == 0], photo[hole == 0])
    assert filled[hole > 0].std() > 0.4 * photo.std()


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (7, 7), (20, 9), (64, 64)])
@pytest.mark.parametrize("kind", ["all", "edge", "dot"])
def test_tiny_photos_and_masks_at_the_edge_are_filled_somehow(shape: tuple[int, int], kind: str) -> None:
    photo, hole = noise(*shape), np.zeros(shape, np.uint8)
    rows, columns = {"all": (0, 0), "edge": (-2, 0), "dot": (-1, -1)}[kind]
    hole[rows:, columns:] = 255
    guess = mae(photo, hole, tool=MaskTool.BOX)
    filled = patchmatch.fill(photo, hole, guess, 1, nothing)
    assert filled.shape == photo.shape
    assert np.array_equal(filled[hole == 0], photo[hole == 0])


def test_filling_stops_when_the_tick_says_so() -> None:
    class Stopped(Exception):  # noqa: N818 - a stand-in for Interrupted
        pass

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        patchmatch.fill(noise(80, 80), disc(80, 80, 15), noise(80, 80), 1, stop)


@pytest.mark.parametrize(("height", "width"), [(60, 120), (120, 60), (90, 90)])
def test_an_object_fills_a_rectangular_mask_and_keeps_its_shape(height: int, width: int) -> None:
    mask = np.zeros((200, 220), np.uint8)
    mask[40 : 40 + height, 50 : 50 + width] = 255
    cutout = np.full((30, 50, 4), 255, np.uint8)
    place = placement.choose_place(cutout, mask)
    assert abs(place.width / place.height - 50 / 30) < 0.1
    assert place.width >= 0.9 * min(width, height * 50 / 30)
    assert 50 <= place.x <= place.x + place.width <= 50 + width
    assert 40 <= place.y <= place.y + place.height <= 40 + height


def test_an_object_is_placed_inside_a_round_mask_not_cut_by_it() -> None:
    mask = disc(300, 300, 100)
    place = placement.choose_place(np.full((40, 40, 4), 255, np.uint8), mask)
    covered = mask[place.y : place.y + place.height, place.x : place.x + place.width]
    assert (covered > 0).mean() > 0.95
    assert place.width > 120


def test_placing_changes_nothing_outside_the_mask_and_shows_the_object() -> None:
    photo, mask = noise(200, 220), disc(200, 220, 70)
    canvas = extract(np.full((90, 90, 3), (20, 160, 30), np.uint8), disc(90, 90, 40))
    cutout = placement.isolate(canvas)
    place = placement.choose_place(cutout, mask)
    result = placement.place(photo, cutout, mask, place)
    assert np.array_equal(result[mask == 0], photo[mask == 0])
    middle = result[place.y + place.height // 2, place.x + place.width // 2].astype(int)
    assert middle[1] > 2 * max(middle[0], middle[2])


def test_an_isolated_object_carries_no_white_rim() -> None:
    cutout = placement.isolate(extract(np.full((90, 90, 3), 40, np.uint8), disc(90, 90, 40)))
    assert cutout[..., :3].max() <= 60


def test_an_empty_canvas_holds_no_object() -> None:
    with pytest.raises(InputError):
        placement.isolate(np.full((64, 64, 3), 255, np.uint8))


def test_masks_of_a_pixel_take_an_object() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[4, 5] = 255
    place = placement.choose_place(gradient(30, 9, 4), mask)
    assert (place.x, place.y) == (5, 4)
