import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tasks.errors import ErrorCode, InputError
from tasks.imaging.geometry import Fit, crop, plan_resize, resize, scale
from tasks.jobs import MAX_SIDE
from tests.imaging.pictures import gradient, noise, psnr

SIDES = st.integers(1, 5000)
TARGETS = st.none() | st.integers(1, 5000)


@settings(max_examples=400, deadline=None)
@given(SIDES, SIDES, TARGETS, TARGETS, st.sampled_from(Fit), st.booleans())
def test_a_plan_keeps_to_its_fit_its_bounds_and_the_aspect_ratio(
    photo_width: int, photo_height: int, width: int | None, height: int | None, fit: Fit, upscale: bool
) -> None:
    try:
        plan = plan_resize(photo_width, photo_height, width=width, height=height, fit=fit, upscale=upscale)
    except InputError as error:
        assert error.code is ErrorCode.PARAMETER_INVALID  # noqa: PT017 - the size was missing or the result too large
        return
    assert all(1 <= side <= MAX_SIDE for side in (*plan.scaled, *plan.result))
    if fit is Fit.EXACT:
        return
    ratio = plan.scaled[0] / photo_width, plan.scaled[1] / photo_height
    assert abs(plan.scaled[0] - photo_width * ratio[1]) <= photo_width / photo_height + 1 or plan.scaled[1] == 1
    assert abs(plan.scaled[1] - photo_height * ratio[0]) <= photo_height / photo_width + 1 or plan.scaled[0] == 1
    if not upscale:
        assert plan.scaled[0] <= photo_width
        assert plan.scaled[1] <= photo_height
    if width is not None and height is not None:
        _check_box(plan.scaled, plan.result, (width, height), fit, upscale)


def _check_box(
    scaled: tuple[int, int], result: tuple[int, int], wanted: tuple[int, int], fit: Fit, upscale: bool
) -> None:
    if fit is Fit.PAD:
        assert result == wanted
    if fit is Fit.COVER:
        assert all(side <= full for side, full in zip(result, scaled, strict=True))
        assert result == wanted or not upscale
    assert all(side <= full for side, full in zip(result, wanted, strict=True))


@pytest.mark.parametrize(
    ("fit", "upscale", "shape"),
    [
        (Fit.INSIDE, False, (15, 20)),
        (Fit.COVER, False, (20, 20)),
        (Fit.PAD, False, (20, 20)),
        (Fit.EXACT, False, (20, 20)),
    ],
)
def test_each_fit_returns_its_size(fit: Fit, upscale: bool, shape: tuple[int, int]) -> None:
    assert resize(gradient(48, 64), width=20, height=20, fit=fit, upscale=upscale).shape == (*shape, 3)


def test_small_photos_are_enlarged_only_on_request() -> None:
    photo = gradient(30, 40)
    assert resize(photo, width=400).shape == (30, 40, 3)
    assert resize(photo, width=400, upscale=True).shape == (300, 400, 3)
    assert resize(photo, width=400, height=400, fit=Fit.COVER).shape == (30, 30, 3)
    padded = resize(photo, width=60, height=60, fit=Fit.PAD)
    assert np.array_equal(padded[15:45, 10:50], photo)
    assert (padded[:15] == 255).all()


def test_padding_of_a_transparent_picture_is_transparent() -> None:
    assert (resize(gradient(10, 20, 4), width=20, height=20, fit=Fit.PAD)[:5] == 0).all()


@pytest.mark.parametrize("size", [(None, None), (0, 5), (MAX_SIDE + 1, None), (10, -1)])
def test_sizes_that_cannot_be_are_refused(size: tuple[int | None, int | None]) -> None:
    with pytest.raises(InputError) as caught:
        resize(gradient(), width=size[0], height=size[1])
    assert caught.value.code is ErrorCode.PARAMETER_INVALID


def test_results_beyond_forty_megapixels_are_refused() -> None:
    with pytest.raises(InputError):
        plan_resize(100, 100, width=10_000, height=10_000, upscale=True)
    with pytest.raises(InputError):
        plan_resize(10, 1000, width=1000, height=None, upscale=True)


def test_resizing_down_and_up_again_stays_close() -> None:
    photo = gradient(200, 240)
    assert psnr(scale(scale(photo, 120, 100), 240, 200), photo) > 40


def test_shrinking_averages_so_that_fine_patterns_turn_grey() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert abs(scale(stripes, 16, 64).astype(int) - 128).max() <= 1
    assert abs(scale(stripes, 16, 100).astype(int) - 128).max() <= 1


@pytest.mark.parametrize("side", [20, 90])
def test_transparent_surroundings_leave_no_dark_fringe(side: int) -> None:
    picture = np.zeros((60, 60, 4), np.uint8)
    picture[20:41, 20:41] = (250, 200, 40, 255)
    scaled = scale(picture, side, side)
    seen = scaled[..., 3] > 20
    assert abs(scaled[..., :3][seen].astype(int) - (250, 200, 40)).max() <= 4
    assert 0 < scaled[..., 3][seen].min() < 255


def test_resizing_to_the_same_size_changes_nothing() -> None:
    photo = noise(30, 40, 4)
    assert np.array_equal(resize(photo, width=40), photo)


@settings(max_examples=100, deadline=None)
@given(st.integers(-5, 50), st.integers(-5, 40), st.integers(-5, 50), st.integers(-5, 40))
def test_a_crop_is_the_box_of_the_photo_or_an_error_that_names_its_size(x0: int, y0: int, x1: int, y1: int) -> None:
    photo = noise(32, 44)
    if 0 <= x0 < x1 <= 44 and 0 <= y0 < y1 <= 32:
        assert np.array_equal(crop(photo, box=(x0, y0, x1, y1)), photo[y0:y1, x0:x1])
        return
    with pytest.raises(InputError, match="44 × 32") as caught:
        crop(photo, box=(x0, y0, x1, y1))
    assert caught.value.code is ErrorCode.CROP_OUTSIDE


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.01, 100), st.floats(0.01, 100))
def test_an_aspect_crop_is_centred_and_touches_two_sides(height: int, width: int, across: float, down: float) -> None:
    cut = crop(noise(height, width), aspect=(across, down))
    assert cut.shape[0] == height or cut.shape[1] == width
    assert abs(cut.shape[1] - cut.shape[0] * across / down) <= max(1, across / down) + 1e-6 or 1 in cut.shape[:2]


@pytest.mark.parametrize(
    "options", [{}, {"box": (0, 0, 1, 1), "aspect": (1, 1)}, {"aspect": (0, 1)}, {"aspect": (1, float("inf"))}]
)
def test_a_crop_needs_exactly_one_sound_description(options: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(InputError) as caught:
        crop(gradient(), **options)  # type: ignore[arg-type]
    assert caught.value.code is ErrorCode.PARAMETER_INVALID
