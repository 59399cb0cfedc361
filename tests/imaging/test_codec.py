import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from tasks.errors import ErrorCode, InputError
from tasks.imaging.codec import decode, decode_mask, decode_rgb, encode, normalise, read_metadata
from tasks.imaging.probe import Format, Limits, probe
from tests.imaging.pictures import disc, exif, gradient, noise, png_header, psnr, save
from tests.imaging.test_probe import FORMATS

IMAGES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([3, 4])))


def swapped_profile() -> bytes:
    """An ICC profile whose red is sRGB's green and the other way round: a conversion that cannot be missed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[:] = profile.replace(b"rXYZ", b"tmpR").replace(b"gXYZ", b"rXYZ").replace(b"tmpR", b"gXYZ")
    for name in ("sRGB", "s\0R\0G\0B"):
        profile[:] = profile.replace(name.encode(), name.replace("s", "x").encode())
    return bytes(profile)


# Lossless and lossy round trips


@settings(max_examples=60, deadline=None)
@given(IMAGES, st.sampled_from([Format.PNG, Format.WEBP]))
def test_lossless_encoding_gives_back_every_pixel(image: NDArray[np.uint8], image_format: Format) -> None:
    restored = decode(encode(image, image_format, lossless=True))
    if restored.shape != image.shape:  # WebP drops an alpha channel that is opaque throughout
        assert (image[..., 3] == 255).all()
    assert np.array_equal(restored, image[..., : restored.shape[2]])


@pytest.mark.parametrize(
    ("image_format", "least"), [(Format.JPEG, 36), (Format.WEBP, 36), (Format.AVIF, 36), (Format.PNG, 99)]
)
def test_lossy_encoding_stays_close_to_the_picture(image_format: Format, least: float) -> None:
    picture = gradient(120, 160)
    assert psnr(decode(encode(picture, image_format)), picture) > least


@pytest.mark.parametrize("image_format", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_a_higher_quality_is_closer_and_larger(image_format: Format) -> None:
    picture = noise(64, 64)
    low, high = encode(picture, image_format, quality=20), encode(picture, image_format, quality=90)
    assert len(low) < len(high)
    assert psnr(decode(low), picture) < psnr(decode(high), picture)


def test_jpeg_lays_transparency_over_white() -> None:
    clear = np.zeros((16, 16, 4), np.uint8)
    assert decode(encode(clear, Format.JPEG)).min() >= 250


def test_a_grey_array_is_encoded_as_a_grey_picture() -> None:
    mask = disc(32, 40, 10)
    assert np.array_equal(decode_mask(encode(mask, Format.PNG)), mask)


# What files hold


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_come_out_upright_in_every_format(name: str, orientation: int) -> None:
    data = save(gradient(), name, exif=exif(orientation))
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    decoded = decode(data)
    assert decoded.shape == expected.shape == (probe(data).height, probe(data).width, 3)
    assert psnr(decoded, expected) > 35


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_another_colour_space_is_converted_to_srgb(name: str) -> None:
    red = np.full((32, 32, 3), (200, 30, 30), np.uint8)
    decoded = decode(save(red, name, icc_profile=swapped_profile()))
    assert abs(decoded[16, 16].astype(int) - (30, 200, 30)).max() < 12


def test_transparency_survives_a_colour_conversion() -> None:
    picture = gradient(channels=4)
    assert np.array_equal(decode(save(picture, "PNG", icc_profile=swapped_profile()))[..., 3], picture[..., 3])


def test_a_damaged_or_foreign_profile_is_ignored() -> None:
    picture = gradient()
    assert np.array_equal(decode(save(picture, "PNG", icc_profile=b"\x00" * 200)), picture)


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_cut(name: str) -> None:
    samples = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    decoded = decode(save(Image.fromarray(samples), name))
    assert np.array_equal(decoded[..., 0], np.rint(samples / 257).astype(np.uint8))


def test_sixteen_bit_colour_is_scaled_to_eight() -> None:
    import cv2

    samples = np.random.default_rng(1).integers(0, 65536, (8, 9, 3), dtype=np.uint16)
    data = cv2.imencode(".png", samples[..., ::-1])[1].tobytes()
    assert np.abs(decode(data) - samples / 257).max() <= 1


def test_palettes_grey_and_bilevel_pictures_become_rgb() -> None:
    palette = Image.fromarray(gradient()).quantize(16)
    assert np.array_equal(decode(save(palette, "PNG")), np.asarray(palette.convert("RGB")))
    grey = gradient()[..., 0]
    assert np.array_equal(decode(save(grey, "PNG")), np.repeat(grey[..., None], 3, axis=2))
    bilevel = Image.fromarray(disc(20, 20, 8)).convert("1")
    assert set(np.unique(decode(save(bilevel, "PNG")))) == {0, 255}


def test_a_transparent_palette_entry_becomes_alpha() -> None:
    palette = Image.fromarray(gradient()).quantize(8)
    for name in ("PNG", "GIF"):
        decoded = decode(save(palette, name, transparency=3))
        assert np.array_equal(decoded[..., 3] == 0, np.asarray(palette) == 3)


def test_grey_with_alpha_keeps_both() -> None:
    grey, alpha = gradient()[..., 0], gradient()[..., 1]
    decoded = decode(save(Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]), "PNG"))
    assert np.array_equal(decoded[..., 1], grey)
    assert np.array_equal(decoded[..., 3], alpha)


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(name: str) -> None:
    """Pillow writes CMYK JPEGs inverted, as Adobe does."""
    white = Image.new("CMYK", (32, 32), (0, 0, 0, 0))
    red = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    assert decode(save(white, name)).min() > 250
    assert abs(decode(save(red, name))[8, 8].astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_gives_its_first_frame(name: str) -> None:
    frames = [Image.new("RGB", (32, 24), colour) for colour in ((250, 10, 10), (10, 250, 10))]
    data = save(frames[0], name, save_all=True, append_images=frames[1:])
    assert probe(data).animated
    assert abs(decode_rgb(data)[12, 16].astype(int) - (250, 10, 10)).max() < 10


# Truncated, damaged and hostile data


@pytest.mark.parametrize("image_format", Format)
@pytest.mark.filterwarnings("ignore")
def test_truncated_data_never_yields_made_up_rows(image_format: Format) -> None:
    data = save(noise(40, 40), image_format.upper())
    whole = decode(data)
    for length in range(0, len(data), max(10, len(data) // 150)):
        try:
            decoded = decode(data[:length])
        except InputError as error:
            assert error.code in {ErrorCode.IMAGE_TRUNCATED, ErrorCode.IMAGE_INVALID}  # noqa: PT017 - or it is whole
        else:
            assert np.array_equal(decoded, whole)


@pytest.mark.parametrize(
    "options",
    [{"progressive": True}, {"restart_marker_rows": 1}, {"exif": exif(6)}, {"icc_profile": swapped_profile()}],
)
@pytest.mark.parametrize("shrink_to", [None, 8])
def test_a_jpeg_that_ends_before_its_end_marker_is_truncated(options: dict[str, object], shrink_to: int | None) -> None:
    data = save(noise(64, 64), "JPEG", **options)
    assert decode(data).shape == (64, 64, 3)
    for length in (len(data) // 2, len(data) * 9 // 10, len(data) - 20):
        with pytest.raises(InputError) as caught:
            decode(data[:length], shrink_to=shrink_to)
        assert caught.value.code is ErrorCode.IMAGE_TRUNCATED


def test_bytes_behind_the_end_of_a_picture_are_ignored() -> None:
    for name in ("JPEG", "PNG"):
        data = save(gradient(), name)
        assert np.array_equal(decode(data + b"\xff\xd8 more" * 9), decode(data))


def test_a_changed_byte_in_the_pixels_of_a_png_is_noticed() -> None:
    data = bytearray(save(noise(), "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(InputError) as caught:
        decode(bytes(data))
    assert caught.value.code is ErrorCode.IMAGE_TRUNCATED


def test_a_png_with_too_few_pixels_is_truncated() -> None:
    with pytest.raises(InputError) as caught:
        decode(png_header(100, 100))
    assert caught.value.code is ErrorCode.IMAGE_TRUNCATED


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(Format)), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6))
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_raise_nothing_but_input_errors(image_format: Format, changes: list[tuple[int, int]]) -> None:
    data = bytearray(FORMATS[image_format])
    for at, value in changes:
        data[at % len(data)] = value
    try:
        assert decode(bytes(data)).dtype == np.uint8
    except InputError as error:
        assert error.code.startswith("image_")  # noqa: PT017 - one of several allowed outcomes


def test_the_size_limit_holds_for_decoding_too() -> None:
    with pytest.raises(InputError) as caught:
        decode(save(gradient(), "JPEG"), limits=Limits(max_pixels=1000))
    assert caught.value.code is ErrorCode.IMAGE_TOO_LARGE


def test_samples_without_a_known_range_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        decode(save(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))
    assert caught.value.code is ErrorCode.IMAGE_FORMAT_UNSUPPORTED


# Decoding smaller


@pytest.mark.parametrize("options", [{}, {"icc_profile": swapped_profile()}, {"exif": exif(6)}])
@pytest.mark.parametrize("need", [10, 30, 60, 100, 240, 500])
def test_shrinking_decodes_keep_as_many_pixels_as_needed(options: dict[str, object], need: int) -> None:
    data = save(gradient(240, 320), "JPEG", **options)
    info = probe(data)
    decoded = decode(data, shrink_to=need)
    assert min(decoded.shape[:2]) >= min(need, 240)
    assert abs(decoded.shape[1] / decoded.shape[0] - info.width / info.height) < 0.05
    if need <= 30:
        assert max(decoded.shape) <= 40


# Masks


def test_masks_are_read_from_colour_grey_and_alpha_alike() -> None:
    mask = disc(40, 50, 12)
    clear = np.zeros((40, 50, 4), np.uint8)
    clear[..., 3] = mask
    white = np.full((40, 50, 4), 255, np.uint8)
    white[..., 3] = mask
    opaque = np.dstack([mask, mask, mask, np.full_like(mask, 255)])
    for picture in (mask, np.repeat(mask[..., None], 3, axis=2), clear, white, opaque):
        assert np.array_equal(decode_mask(save(picture, "PNG")), mask)


@given(st.integers(0, 255))
@settings(max_examples=30, deadline=None)
def test_masks_are_cut_at_the_middle_grey(level: int) -> None:
    assert decode_mask(save(np.full((2, 2), level, np.uint8), "PNG"))[0, 0] == (255 if level >= 128 else 0)


# Normalising


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_a_plain_image_is_returned_as_the_same_bytes(name: str) -> None:
    data = save(gradient(), name)
    assert normalise(data) is data


@pytest.mark.parametrize(
    "data",
    [
        save(gradient(), "JPEG", exif=exif(6)),
        save(gradient(), "PNG", icc_profile=swapped_profile()),
        save(gradient(channels=4), "PNG"),
        save(gradient(), "GIF"),
        save(gradient(), "AVIF"),
        save(Image.fromarray(gradient()).convert("CMYK"), "JPEG"),
        save(Image.fromarray(np.full((4, 4), 40_000, np.uint16)), "PNG"),
    ],
)
def test_anything_else_becomes_a_plain_image_of_the_same_picture(data: bytes) -> None:
    plain = normalise(data)
    assert normalise(plain) is plain
    with Image.open(io.BytesIO(plain)) as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), decode_rgb(data))


def test_normalising_refuses_what_cannot_be_decoded() -> None:
    data = save(noise(), "WEBP", lossless=True)
    with pytest.raises(InputError):
        normalise(data[: len(data) // 2])


# Size targets and parameters


@pytest.mark.parametrize("image_format", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_a_byte_limit_is_kept_with_the_best_quality_that_fits(image_format: Format) -> None:
    picture = noise(80, 80)
    limit = len(encode(picture, image_format, quality=50))
    fitting = encode(picture, image_format, max_bytes=limit)
    assert limit * 0.9 <= len(fitting) <= limit
    assert encode(picture, image_format, max_bytes=10**6) == encode(picture, image_format)


@pytest.mark.parametrize("image_format", [Format.PNG, Format.JPEG, Format.WEBP, Format.AVIF])
def test_an_unreachable_byte_limit_names_the_smallest_size(image_format: Format) -> None:
    picture = noise(64, 64)
    with pytest.raises(InputError) as caught:
        encode(picture, image_format, max_bytes=20)
    assert caught.value.code is ErrorCode.SIZE_UNREACHABLE
    assert str(len(encode(picture, image_format, quality=1))) in caught.value.detail


@pytest.mark.parametrize(
    ("image_format", "options", "code"),
    [
        (Format.GIF, {}, ErrorCode.IMAGE_FORMAT_UNSUPPORTED),
        (Format.JPEG, {"quality": 0}, ErrorCode.PARAMETER_INVALID),
        (Format.JPEG, {"quality": 101}, ErrorCode.PARAMETER_INVALID),
        (Format.JPEG, {"lossless": True}, ErrorCode.PARAMETER_INVALID),
        (Format.PNG, {"max_bytes": 0}, ErrorCode.PARAMETER_INVALID),
    ],
)
def test_parameters_without_meaning_are_refused(image_format: Format, options: dict[str, int], code: ErrorCode) -> None:
    with pytest.raises(InputError) as caught:
        encode(gradient(), image_format, **options)  # type: ignore[arg-type]
    assert caught.value.code is code


# Metadata


@pytest.mark.parametrize("image_format", [Format.PNG, Format.JPEG, Format.WEBP, Format.AVIF])
def test_metadata_is_carried_only_on_request_and_upright(image_format: Format) -> None:
    metadata = read_metadata(save(gradient(), "JPEG", exif=exif(6)))
    assert metadata is not None
    assert read_metadata(encode(gradient(), image_format)) is None
    data = encode(gradient(), image_format, metadata=metadata)
    with Image.open(io.BytesIO(data)) as image:
        tags = image.getexif()
        assert (tags.get(274, 1), tags[271], tags.get_ifd(0x8825)[1]) == (1, "Camera", "N")
    assert probe(data).orientation == 1
    assert decode(data).shape == (48, 64, 3)


def test_images_without_metadata_have_none() -> None:
    assert read_metadata(save(gradient(), "PNG")) is None
