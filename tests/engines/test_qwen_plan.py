import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tasks.engines.qwen.plan import (
    LONGEST_ASPECT,
    MOST_PIXELS,
    MULTIPLE,
    Plan,
    Size,
    cheaper,
    schedule,
    working_size,
)
from tasks.errors import ErrorCode, InputError
from tasks.jobs import Edit, Operation

ID = "0" * 64
MEGAPIXEL = 1024 * 1024
BASE = {"use_dynamic_shifting": True, "shift": 1.0, "base_shift": 0.5, "max_shift": 0.9, "shift_terminal": 0.02}

photos = st.builds(Size, st.integers(1, 8000), st.integers(1, 8000)).filter(
    lambda photo: max(photo) / min(photo) <= LONGEST_ASPECT
)


def edit(**fields: Any) -> Edit:
    return Edit(**{"operation": Operation.REMOVAL, "photo": ID, "mask": ID, "prompt": "a cat", **fields})


@given(photos, st.sampled_from(["resized", "original"]), st.integers(4, 256), st.none() | st.integers(4, 256))
def test_every_working_size_is_one_that_the_model_takes(
    photo: Size, quality: str, width: int, height: int | None
) -> None:
    """Sides are multiples of 16 and at least that, the area is bounded, whatever the client asks for."""
    wanted = edit(input_quality=quality, width=16 * width, height=None if height is None else 16 * height)
    for each in (wanted, edit(input_quality=quality)):
        size, notes = working_size(each, photo, MEGAPIXEL)
        assert all(side % MULTIPLE == 0 and side >= MULTIPLE for side in size)
        assert size.width * size.height <= MOST_PIXELS + MULTIPLE * sum(size)
        assert len(notes) <= 1


@given(photos)
def test_a_photo_keeps_its_aspect_and_gets_the_area_that_the_model_was_trained_on(photo: Size) -> None:
    size, notes = working_size(edit(), photo, MEGAPIXEL)
    exact = Size(
        round(math.sqrt(MEGAPIXEL * photo.width / photo.height)),
        round(math.sqrt(MEGAPIXEL * photo.height / photo.width)),
    )
    assert all(abs(side - wanted) <= MULTIPLE for side, wanted in zip(size, exact, strict=True))
    assert notes == ()


def test_the_original_size_is_the_photos_rounded_to_what_the_model_takes() -> None:
    assert working_size(edit(input_quality="original"), Size(1010, 771), MEGAPIXEL).size == (1008, 768)


def test_a_photo_too_large_for_the_model_is_worked_on_smaller_and_the_client_told() -> None:
    size, notes = working_size(edit(input_quality="original"), Size(6000, 4000), MEGAPIXEL)
    assert size.width * size.height <= MOST_PIXELS
    assert size.width / size.height == pytest.approx(1.5, abs=0.02)
    assert notes == (
        f"The model worked at {size.width} × {size.height} pixels instead of 6000 × 4000: "
        "it takes up to 4.2 megapixels.",
    )


def test_width_and_height_bound_an_edit_without_stretching_it() -> None:
    assert working_size(edit(width=512, height=512), Size(2000, 1000), MEGAPIXEL).size == (512, 256)
    assert working_size(edit(height=512), Size(2000, 1000), MEGAPIXEL).size == (1024, 512)


def test_text_to_image_has_the_size_asked_for_or_is_a_square() -> None:
    def size(**fields: Any) -> Size:
        return working_size(Edit(operation=Operation.TEXT_TO_IMAGE, prompt="a cat", **fields), None, MEGAPIXEL).size

    assert size() == (1024, 1024)
    assert size(width=768) == (768, 768)
    assert size(width=768, height=512) == (768, 512)


def test_a_photo_that_is_hardly_high_is_refused() -> None:
    with pytest.raises(InputError, match="One side of the photo is 40 times the other") as caught:
        working_size(edit(), Size(4000, 100), MEGAPIXEL)
    assert caught.value.code is ErrorCode.PARAMETER_INVALID


@given(st.integers(1, 4 * MEGAPIXEL))
def test_plans_get_cheaper_and_end(pixels: int) -> None:
    """The one cheaper plan tiles and encodes conditions no larger than before; after it there is none."""
    second = cheaper(Plan(pixels))
    assert second is not None
    assert second.tiled_vae
    assert second.reference_pixels <= pixels
    assert cheaper(second) is None


def test_schedules() -> None:
    """The checkpoint's own by default, a static shift where it is asked for, lightning's for the preset fast."""
    assert schedule(edit(), BASE) == BASE
    static = {**BASE, "use_dynamic_shifting": False}
    assert schedule(edit(enable_flowmatch_scheduler=True), BASE) == {**static, "shift": 3.0}
    assert schedule(edit(scheduler_shift=5), BASE) == {**static, "shift": 5.0}
    assert schedule(edit(scheduler_shift=5, enable_flowmatch_scheduler=True), BASE) == {**static, "shift": 5.0}
    fast = schedule(edit(preset="fast"), BASE)
    assert (fast["base_shift"], fast["max_shift"], fast["shift_terminal"]) == (math.log(3), math.log(3), None)
    assert schedule(edit(preset="fast", scheduler_shift=2), BASE)["shift"] == 2.0
    assert schedule(edit(num_inference_steps=1), BASE) == {**BASE, "shift_terminal": None}
