"""What holds of every function on pictures, of any size down to a pixel or a line and of any content."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from numpy.typing import NDArray
from PIL import Image

from tasks.errors import ErrorCode, InputError
from tasks.imaging import (
    canny,
    codec,
    composite,
    extract,
    find,
    finish,
    geometry,
    mae,
    mask_check,
    masks,
    outline,
    patchmatch,
    placement,
    shadow,
    structure,
    white_balance,
)
from tasks.imaging.probe import Format, probe
from tasks.jobs import MaskTool
from tests import corpus
from tests.imaging.pictures import gradient, noise

Array = NDArray[np.uint8]
few = settings(max_examples=40)
fewer = settings(max_examples=15)

SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24)) | st.sampled_from([(1, 700), (700, 1), (2, 900), (900, 3)])
SEEDS = st.integers(0, 1000)


@st.composite
def photos(draw: st.DrawFn, channels: tuple[int, ...] = (3,)) -> Array:
    """A picture of noise, of one colour or of a gradient."""
    (height, width), depth = draw(SHAPES), draw(st.sampled_from(channels))
    kind = draw(st.sampled_from(["noise", "plain", "gradient"]))
    if kind == "noise":
        return noise(height, width, depth, draw(SEEDS))
    if kind == "plain":
        return np.full((height, width, depth), draw(st.integers(0, 255)), np.uint8)
    return gradient(height, width, depth)


@st.composite
def pairs(draw: st.DrawFn, channels: tuple[int, ...] = (3,)) -> tuple[Array, Array]:
    """A picture and a mask of its size: noise, a box, nothing or everything."""
    photo = draw(photos(channels))
    height, width = photo.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    kind = draw(st.sampled_from(["noise", "box", "empty", "full"]))
    if kind == "noise":
        mask[noise(height, width, 1, draw(SEEDS))[..., 0] > 128] = 255
    elif kind == "full":
        mask[:] = 255
    elif kind == "box":
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        mask[y : y + draw(st.integers(1, height)), x : x + draw(st.integers(1, width))] = 255
    return photo, mask


def is_picture(made: Array, shape: tuple[int, ...]) -> bool:
    """Whether it is uint8 and of the shape."""
    return made.dtype == np.uint8 and made.shape == shape


def is_mask(made: Array, shape: tuple[int, ...]) -> bool:
    """Whether it is a mask of the shape, 0 or 255."""
    return is_picture(made, shape) and set(np.unique(made)) <= {0, 255}


def unchanged(before: Array, after: Array, where: Array) -> bool:
    """Whether the pixels outside a mask are the same."""
    return np.array_equal(before[where == 0], after[where == 0])


# Geometry


@few
@given(photos((3, 4)), st.integers(1, 60), st.integers(1, 60), st.sampled_from(geometry.Fit), st.booleans())
def test_a_resize_has_the_size_of_its_plan_and_makes_up_no_colours(
    photo: Array, width: int, height: int, fit: geometry.Fit, upscale: bool
) -> None:
    """The plan's size and the photo's channels; a picture of one colour stays so, but for bars."""
    try:
        plan = geometry.plan_resize(*photo.shape[1::-1], width=width, height=height, fit=fit, upscale=upscale)
    except InputError as error:
        assert error.code is ErrorCode.PARAMETER_INVALID  # noqa: PT017 - a line that would become too long
        return
    made = geometry.resize(photo, width=width, height=height, fit=fit, upscale=upscale)
    assert is_picture(made, (plan.result[1], plan.result[0], photo.shape[2]))
    if photo.shape[2] == 3 and np.ptp(photo) == 0 and fit is not geometry.Fit.PAD:
        assert set(np.unique(made)) == set(np.unique(photo))


@few
@given(photos((3, 4)), st.integers(1, 60), st.integers(1, 60))
def test_stretching_gives_exactly_the_size(photo: Array, width: int, height: int) -> None:
    """Any size to any size; to its own it is a copy."""
    assert is_picture(geometry.scale(photo, width, height), (height, width, photo.shape[2]))
    same = geometry.scale(photo, photo.shape[1], photo.shape[0])
    assert np.array_equal(same, photo)
    assert same is not photo


# Files


@few
@given(photos((3, 4)), st.sampled_from([Format.PNG, Format.JPEG, Format.WEBP, Format.AVIF]), st.integers(1, 100))
def test_what_is_encoded_is_read_with_its_size(photo: Array, image_format: Format, quality: int) -> None:
    """Every size, quality and format comes back upright with its size; what is read once is read the same twice."""
    data = codec.encode(photo, image_format, quality=quality)
    info = probe(data)
    assert (info.format, info.height, info.width) == (image_format, *photo.shape[:2])
    decoded = codec.decode(data)
    assert decoded.dtype == np.uint8
    assert decoded.shape[:2] == photo.shape[:2]
    assert decoded.shape[2] in {3, 4}
    assert np.array_equal(codec.decode(data), decoded)
    assert codec.decode_rgb(data).shape[2] == 3


@few
@given(photos((3, 4)))
def test_normalising_twice_changes_nothing_more(photo: Array) -> None:
    """A normalised picture is its own normal form, and the same picture."""
    data = codec.encode(photo, Format.PNG)
    once = codec.normalise(data)
    assert codec.normalise(once) == once
    assert np.array_equal(codec.decode(once), codec.decode_rgb(data))


READERS = (codec.decode, codec.decode_rgb, codec.decode_mask, codec.normalise, codec.read_metadata, mask_check.is_blank)


@settings(max_examples=150)
@given(st.binary(max_size=300), st.sampled_from(corpus.FORMATS), st.integers(0, 60), st.sampled_from(READERS))
@pytest.mark.filterwarnings("ignore")
def test_random_bytes_raise_nothing_but_input_errors(data: bytes, name: str, keep: int, read: Any) -> None:
    """Bytes behind a true beginning of any length, through everything that reads a file."""
    _read(read, corpus.plain(name)[:keep] + data)


@settings(max_examples=150)
@given(st.sampled_from(corpus.FORMATS), st.data(), st.sampled_from(READERS))
@pytest.mark.filterwarnings("ignore")
def test_mutated_files_raise_nothing_but_input_errors(name: str, data: st.DataObject, read: Any) -> None:
    """Bytes of a sound file overwritten, doubled, left out or moved, through everything that reads a file."""
    mutated = bytearray(corpus.plain(name))
    for _ in range(data.draw(st.integers(1, 4))):
        at, length = data.draw(st.integers(0, len(mutated) - 1)), data.draw(st.integers(1, 30))
        piece = mutated[at : at + length]
        match data.draw(st.integers(0, 3)):
            case 0:
                mutated[at : at + length] = data.draw(st.binary(min_size=1, max_size=8))
            case 1:
                mutated[at:at] = piece
            case 2 if len(mutated) > length + 1:
                del mutated[at : at + length]
            case _:
                mutated += piece
    _read(read, bytes(mutated))


def _read(read: Any, data: bytes) -> None:
    try:
        read(data)
    except InputError as error:
        assert error.code.startswith("image_")  # noqa: PT017 - one of several allowed outcomes


@few
@example(b"\0\0\0\0\x80\0\0\0\0\0\0\0\0", b"MM\0+")
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"II*\0", b"MM\0+"]),
)
def test_the_check_of_the_structure_raises_nothing_but_input_errors(data: bytes, start: bytes) -> None:
    """Whatever follows a signature."""
    try:
        structure.require_plain(start + data)
    except InputError as error:
        assert error.code in {ErrorCode.IMAGE_INVALID, ErrorCode.IMAGE_TRUNCATED}  # noqa: PT017 - or it passes


# Masks


@few
@given(pairs(), st.floats(0, 30))
def test_dilating_keeps_what_was_there(pair: tuple[Array, Array], radius: float) -> None:
    """A mask again, which holds the one before; nothing grows out of nothing."""
    _, mask = pair
    grown = masks.dilate(mask, radius)
    assert is_mask(grown, mask.shape)
    assert (grown >= mask).all()
    assert grown.any() == mask.any()


@few
@given(pairs(), st.integers(-30, 30), st.booleans())
def test_finishing_never_fails(pair: tuple[Array, Array], border: int, soft: bool) -> None:
    """Every mask, however small, with its border moved either way."""
    _, mask = pair
    made = finish.finish(mask, border_adjustment=border, soft=soft)
    assert is_picture(made, mask.shape)
    assert soft or is_mask(made, mask.shape)


@few
@given(pairs())
def test_a_bounding_box_holds_all_white_and_touches_it(pair: tuple[Array, Array]) -> None:
    """Or there is no white, which is an error."""
    _, mask = pair
    if not mask.any():
        with pytest.raises(InputError):
            masks.bounding_box(mask)
        return
    x0, y0, x1, y1 = masks.bounding_box(mask)
    inside = mask[y0:y1, x0:x1]
    assert np.count_nonzero(inside) == np.count_nonzero(mask)
    assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


# Conditions


@few
@given(pairs((3,)), st.floats(0, 20), SEEDS)
def test_a_composite_is_the_photo_outside_and_between_both_inside(
    pair: tuple[Array, Array], feather: float, seed: int
) -> None:
    """Outside the mask exactly the photo; inside never darker or brighter than both, unfeathered the edit itself."""
    photo, mask = pair
    edited = noise(*photo.shape, seed)
    made = composite.inside(photo, edited, mask, feather)
    assert is_picture(made, photo.shape)
    assert unchanged(photo, made, mask)
    assert (made >= np.minimum(photo, edited)).all()
    assert (made <= np.maximum(photo, edited)).all()
    if feather == 0:
        assert np.array_equal(made[mask > 0], edited[mask > 0])


@few
@given(photos(), st.none() | st.tuples(st.floats(0, 255), st.floats(0, 255)).map(sorted))
def test_edges_are_black_and_white_and_the_same_each_time(photo: Array, thresholds: list[float] | None) -> None:
    """A picture of one colour has none."""
    low, high = thresholds or (None, None)
    edges = canny.canny(photo, low=low, high=high)
    assert is_mask(edges, photo.shape[:2])
    assert np.array_equal(canny.canny(photo, low=low, high=high), edges)
    if np.ptp(photo) == 0:
        assert not edges.any()


@few
@given(pairs(), st.sampled_from(MaskTool), st.sampled_from(mae.Method))
def test_a_filled_hole_keeps_its_surroundings(pair: tuple[Array, Array], tool: MaskTool, method: mae.Method) -> None:
    """Outside the hole exactly the photo; an empty mask is an error."""
    photo, mask = pair
    if not mask.any():
        with pytest.raises(InputError):
            mae.mae(photo, mask, tool=tool, method=method)
        return
    made = mae.mae(photo, mask, tool=tool, method=method)
    assert is_picture(made, photo.shape)
    assert unchanged(photo, made, mae.hole(mask, tool))


@few
@given(pairs())
def test_a_masked_background_is_black_under_the_mask_only(pair: tuple[Array, Array]) -> None:
    """And the photo elsewhere."""
    photo, mask = pair
    made = extract.masked_background(photo, mask)
    assert unchanged(photo, made, mask)
    assert not made[mask > 0].any()


@few
@given(pairs((3, 4)), st.sampled_from(extract.Backdrop))
def test_an_extracted_object_is_on_a_square_of_two_sizes(pair: tuple[Array, Array], backdrop: extract.Backdrop) -> None:
    """White or transparent around it; an empty mask is an error."""
    image, mask = pair
    if not mask.any():
        with pytest.raises(InputError):
            extract.extract(image, mask, backdrop=backdrop)
        return
    made = extract.extract(image, mask, backdrop=backdrop)
    depth = 4 if backdrop is extract.Backdrop.TRANSPARENT else 3
    assert any(is_picture(made, (side, side, depth)) for side in (512, 1024))
    assert set(made[0, 0]) == ({0} if depth == 4 else {255})


@few
@given(pairs())
def test_an_opacity_stays_within_its_mask(pair: tuple[Array, Array]) -> None:
    """The soft edge lies inside."""
    photo, mask = pair
    assert not extract.soft_alpha(mask)[mask == 0].any()
    assert is_picture(extract.white_canvas_alpha(photo), photo.shape[:2])


@few
@given(
    pairs((3, 4)),
    st.tuples(st.integers(-200, 200), st.integers(-200, 200)),
    st.floats(0, 1),
    st.integers(0, 100).map(lambda half: 2 * half + 1),
)
def test_a_shadow_lies_under_the_object(
    pair: tuple[Array, Array], offset: tuple[int, int], opacity: float, blur: int
) -> None:
    """The object's own pixels are kept where the mask is white, and nothing is brighter than the ground elsewhere."""
    extracted, mask = pair
    made = shadow.shadow_preview(extracted, mask, offset=offset, opacity=opacity, blur=blur)
    assert is_picture(made, (*extracted.shape[:2], 3))
    assert np.array_equal(made[mask > 0], extracted[..., :3][mask > 0])
    assert (made[mask == 0] <= shadow.BACKGROUND).all()


@few
@given(photos())
def test_a_white_balance_keeps_the_order_of_levels(photo: Array) -> None:
    """In each channel what was darker is not brighter afterwards; the same each time."""
    made = white_balance.white_balance(photo)
    assert is_picture(made, photo.shape)
    assert np.array_equal(white_balance.white_balance(photo), made)
    for channel in range(3):
        order = np.argsort(photo[..., channel], axis=None, kind="stable")
        assert (np.diff(made[..., channel].ravel()[order].astype(int)) >= 0).all()


# Objects


@fewer
@given(photos((3, 4)))
def test_a_main_object_is_a_mask_or_there_is_none(photo: Array) -> None:
    """The photo's size, or mask_missing."""
    try:
        found = find.main_object(photo)
    except InputError as error:
        assert error.code is ErrorCode.MASK_MISSING  # noqa: PT017 - most of these have none
    else:
        assert is_mask(found, photo.shape[:2])


@fewer
@given(pairs(), st.sampled_from(["box", "point", "strokes", "nothing"]), st.data())
def test_an_outline_is_a_mask_and_the_same_each_time(
    pair: tuple[Array, Array], prompt: str, data: st.DataObject
) -> None:
    """For every prompt at any place, also outside; refining keeps a mask a mask."""
    photo, mask = pair
    height, width = photo.shape[:2]
    place = st.tuples(st.integers(-1, width), st.integers(-1, height))
    given_prompt: dict[str, Any] = {
        "box": lambda: {"box": (0, 0, data.draw(st.integers(1, width)), data.draw(st.integers(1, height)))},
        "point": lambda: {"include": [data.draw(place)], "exclude": [data.draw(place)]},
        "strokes": lambda: {"strokes": mask},
        "nothing": dict,
    }[prompt]()
    found = outline.outline(photo, **given_prompt)
    assert is_mask(found, (height, width))
    assert np.array_equal(outline.outline(photo, **given_prompt), found)
    assert is_mask(outline.refine(photo, mask), (height, width))


@fewer
@given(pairs(), SEEDS)
def test_a_patched_hole_keeps_its_surroundings(pair: tuple[Array, Array], seed: int) -> None:
    """Outside the hole exactly the photo; the same for the same seed."""
    photo, hole = pair
    made, again = (patchmatch.fill(photo, hole, photo, seed, lambda *_: None) for _ in range(2))
    assert is_picture(made, photo.shape)
    assert unchanged(photo, made, hole)
    assert np.array_equal(made, again)


@fewer
@given(pairs(), photos((4,)))
def test_an_object_is_placed_within_the_mask(pair: tuple[Array, Array], cutout: Array) -> None:
    """Its place lies in the photo, and outside the mask the photo is kept exactly."""
    photo, mask = pair
    if not mask.any():
        return
    where = placement.choose_place(cutout, mask)
    assert where.x >= 0
    assert where.y >= 0
    assert where.x + where.width <= photo.shape[1]
    assert where.y + where.height <= photo.shape[0]
    assert unchanged(photo, placement.place(photo, cutout, mask, where), mask)


@fewer
@given(photos())
def test_an_isolated_object_has_its_own_box(canvas: Array) -> None:
    """Or the canvas is all white, which is an error."""
    try:
        made = placement.isolate(canvas)
    except InputError as error:
        assert error.code is ErrorCode.MASK_EMPTY  # noqa: PT017 - nothing stands on it
    else:
        assert made.dtype == np.uint8
        assert made.shape[2] == 4
        assert all(1 <= side <= full for side, full in zip(made.shape[:2], canvas.shape[:2], strict=True))


def test_a_picture_of_a_line_is_outlined_in_no_time_to_speak_of() -> None:
    """On a strip of 16,384 pixels gaps are bridged with a strip of the disc: with all of it this takes minutes."""
    strip = np.zeros((16_384, 1, 3), np.uint8)
    strip[5000:9000] = 255
    found = outline.outline(strip, include=[(0, 7000)])
    assert found[7000, 0] == 255
    assert found[100, 0] == 0


def test_the_samples_are_what_pillow_reads() -> None:
    """The sound pictures that are mutated here are sound."""
    for name in corpus.FORMATS:
        assert Image.open(io.BytesIO(corpus.plain(name))).size == (16, 16)
