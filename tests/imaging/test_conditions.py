"""The pictures that are computed for an edit: MAE, canny, extraction, shadow, composite."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tasks.errors import ErrorCode, InputError
from tasks.imaging.canny import canny
from tasks.imaging.composite import inside, over
from tasks.imaging.extract import Backdrop, extract, masked_background, white_canvas_alpha
from tasks.imaging.mae import MAX_HOLE, Method, hole, mae
from tasks.imaging.shadow import shadow_preview
from tasks.jobs import MaskTool
from tests.imaging.pictures import disc, gradient, noise, psnr

# MAE


@pytest.mark.parametrize("tool", MaskTool)
@pytest.mark.parametrize("method", Method)
def test_mae_fills_the_hole_smoothly_and_keeps_the_rest(tool: MaskTool, method: Method) -> None:
    photo, mask = gradient(160, 200), disc(160, 200, 20)
    marked = photo.copy()
    marked[mask > 0] = 0
    filled = mae(marked, mask, tool=tool, method=method)
    outside = hole(mask, tool) == 0
    assert np.array_equal(filled[outside], marked[outside])
    assert psnr(filled, photo) > 30


def test_a_brush_stroke_is_widened_with_the_photo_and_a_box_is_not() -> None:
    small, large = disc(512, 1024, 50), disc(1024, 2048, 100)
    assert np.array_equal(hole(small, MaskTool.BOX), small)
    reach = [np.flatnonzero(hole(mask, MaskTool.BRUSH).any(axis=0)).size for mask in (small, large)]
    assert abs(reach[0] - (101 + 70)) <= 2
    assert abs(reach[1] - 2 * reach[0]) <= 3


def test_a_hole_beyond_the_limit_is_filled_at_a_smaller_size() -> None:
    photo, mask = gradient(500, 700), disc(500, 700, 220)
    assert np.count_nonzero(mask) > MAX_HOLE
    filled = mae(photo, mask, tool=MaskTool.BOX)
    assert np.array_equal(filled[mask == 0], photo[mask == 0])
    assert psnr(filled, photo) > 20


def test_mae_of_a_fully_masked_photo_is_its_mean() -> None:
    photo = gradient()
    filled = mae(photo, np.full(photo.shape[:2], 255, np.uint8))
    assert (np.ptp(filled.reshape(-1, 3), axis=0) == 0).all()


def test_mae_of_an_empty_mask_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        mae(gradient(), np.zeros((48, 64), np.uint8))
    assert caught.value.code is ErrorCode.MASK_EMPTY


# Canny


def test_canny_finds_the_outline_of_a_disc_and_nothing_else() -> None:
    photo = np.repeat(disc(100, 100, 30)[..., None], 3, axis=2) // 2 + 60
    edges = canny(photo)
    y, x = np.nonzero(edges)
    assert y.size > 150
    assert np.abs(np.hypot(y - 50, x - 50) - 30).max() < 3
    assert set(np.unique(edges)) == {0, 255}


def test_higher_thresholds_find_fewer_edges() -> None:
    photo = noise(80, 80)
    few, many = canny(photo, low=200, high=400), canny(photo, low=10, high=30)
    assert np.count_nonzero(few) < np.count_nonzero(many)


@pytest.mark.parametrize("thresholds", [{"low": 5}, {"high": 5}, {"low": 9, "high": 5}, {"low": -1, "high": 5}])
def test_unsound_thresholds_are_refused(thresholds: dict[str, float]) -> None:
    with pytest.raises(InputError) as caught:
        canny(gradient(), **thresholds)
    assert caught.value.code is ErrorCode.PARAMETER_INVALID


# Extraction


@pytest.mark.parametrize(("radius", "side"), [(20, 512), (236, 512), (245, 1024), (600, 1024)])
def test_the_canvas_suits_the_object_and_holds_it_in_the_middle(radius: int, side: int) -> None:
    mask = disc(1300, 1400, radius)
    canvas = extract(gradient(1300, 1400), mask, backdrop=Backdrop.TRANSPARENT)
    assert canvas.shape == (side, side, 4)
    y, x = np.nonzero(canvas[..., 3] > 128)
    assert abs(y.mean() - side / 2) < 2
    assert abs(x.mean() - side / 2) < 2
    assert y.min() >= side // 32 - 1
    if radius < 400:
        assert abs(np.ptp(x) - 2 * radius) < 5


def test_nothing_of_the_background_is_extracted() -> None:
    mask = disc(200, 200, 60)
    image = np.where(mask[..., None] > 0, np.array([10, 120, 10]), np.array([255, 0, 0])).astype(np.uint8)
    canvas = extract(image, mask, backdrop=Backdrop.TRANSPARENT)
    seen = canvas[..., 3] > 0
    assert (canvas[seen][:, :3] == (10, 120, 10)).all()
    assert (extract(image, mask)[~seen] == 255).all()


def test_an_extracted_object_is_found_again_on_its_white_canvas() -> None:
    mask = disc(200, 200, 60)
    image = np.where(mask[..., None] > 0, np.uint8(90), np.uint8(0)).repeat(3, axis=2)
    alpha = extract(image, mask, backdrop=Backdrop.TRANSPARENT)[..., 3]
    found = white_canvas_alpha(extract(image, mask))
    assert np.count_nonzero((alpha > 200) != (found > 200)) < 0.1 * np.count_nonzero(alpha > 200)


def test_white_parts_inside_an_object_stay_part_of_it() -> None:
    canvas = np.full((100, 100, 3), 255, np.uint8)
    canvas[30:70, 30:70] = 80
    canvas[45:55, 45:55] = 255
    assert white_canvas_alpha(canvas)[50, 50] == 255


def test_the_masked_background_is_black_inside_the_mask_only() -> None:
    photo, mask = noise(), disc(48, 64, 12)
    background = masked_background(photo, mask)
    assert (background[mask > 0] == 0).all()
    assert np.array_equal(background[mask == 0], photo[mask == 0])


# Shadow


def test_the_shadow_falls_where_the_offset_says_and_not_on_the_object() -> None:
    canvas = extract(np.full((100, 100, 3), 200, np.uint8), disc(100, 100, 30), backdrop=Backdrop.TRANSPARENT)
    preview = shadow_preview(canvas, offset=(40, 0), opacity=0.5, blur=5)
    assert (preview[256, 256] == 200).all()
    assert abs(preview[256, 256 + 50].astype(int) - 0xF5 // 2).max() <= 2
    assert (preview[256, 256 - 50] == 0xF5).all()


def test_a_shadow_of_a_white_canvas_and_of_its_transparent_twin_agree() -> None:
    image, mask = np.full((100, 100, 3), 60, np.uint8), disc(100, 100, 30)
    transparent = shadow_preview(extract(image, mask, backdrop=Backdrop.TRANSPARENT))
    white = shadow_preview(extract(image, mask))
    assert psnr(transparent, white) > 30
    assert psnr(shadow_preview(image, mask), shadow_preview(np.dstack((image, mask)))) == float("inf")


@pytest.mark.parametrize(
    "options", [{"opacity": 1.5}, {"opacity": float("nan")}, {"blur": 4}, {"blur": 0}, {"blur": 999}]
)
def test_unsound_shadows_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError) as caught:
        shadow_preview(gradient(channels=4), **options)  # type: ignore[arg-type]
    assert caught.value.code is ErrorCode.PARAMETER_INVALID


# Composite


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 20), st.integers(1, 40))
def test_a_composite_keeps_every_pixel_outside_the_mask(seed: int, feather: float, radius: int) -> None:
    photo, edited, mask = noise(seed=seed), noise(seed=seed + 1), disc(48, 64, radius)
    result = inside(photo, edited, mask, feather)
    assert np.array_equal(result[mask == 0], photo[mask == 0])
    if feather == 0:
        assert np.array_equal(result[mask > 0], edited[mask > 0])


def test_a_feathered_seam_turns_gradually_into_the_edit() -> None:
    photo, edited = np.zeros((100, 100, 3), np.uint8), np.full((100, 100, 3), 255, np.uint8)
    row = inside(photo, edited, disc(100, 100, 40), feather=10)[50, 8:51, 0]
    assert (np.diff(row.astype(int)) >= 0).all()
    assert row[-1] == 255
    assert np.count_nonzero((row > 0) & (row < 255)) >= 8


def test_a_composite_of_different_sizes_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        inside(gradient(), gradient(10, 10), disc(48, 64, 5))


def test_laying_over_is_exact_at_both_ends_of_the_opacity() -> None:
    above, below = noise(600, 20, seed=1), noise(600, 20, seed=2)
    assert np.array_equal(over(above, np.full((600, 20), 255, np.uint8), below), above)
    assert np.array_equal(over(above, np.zeros((600, 20), np.uint8), below), below)
