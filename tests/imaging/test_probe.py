import resource
import subprocess
import sys

import pytest
from hypothesis import example, given, settings, strategies as st

from tasks.errors import ErrorCode, InputError
from tasks.imaging.probe import Format, Limits, probe
from tests.imaging.pictures import exif, gradient, png_header, save

FORMATS = {
    Format.PNG: save(gradient(), "PNG"),
    Format.JPEG: save(gradient(), "JPEG"),
    Format.WEBP: save(gradient(), "WEBP"),
    Format.AVIF: save(gradient(), "AVIF"),
    Format.GIF: save(gradient(), "GIF"),
    Format.TIFF: save(gradient(), "TIFF"),
    Format.BMP: save(gradient(), "BMP"),
}


def refusal(data: bytes, **options: object) -> InputError:
    with pytest.raises(InputError) as caught:
        probe(data, **options)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("image_format", Format)
def test_every_format_is_told_by_its_content_with_its_size(image_format: Format) -> None:
    info = probe(FORMATS[image_format])
    assert (info.format, info.width, info.height) == (image_format, 64, 48)
    assert info.format.media_type == f"image/{image_format}"


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_size_is_that_of_the_upright_picture(name: str, orientation: int) -> None:
    info = probe(save(gradient(), name, exif=exif(orientation)))
    assert (info.width, info.height) == ((48, 64) if orientation > 4 else (64, 48))


def test_a_huge_png_is_refused_by_its_header_without_being_allocated() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = refusal(png_header(60_000, 60_000))
    assert error.code is ErrorCode.IMAGE_TOO_LARGE
    assert "60000 × 60000" in error.detail
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB; the pixels are 10 GB


def test_a_huge_webp_is_refused_before_its_canvas_is_allocated() -> None:
    data = bytearray(save(gradient(channels=4), "WEBP"))
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xff\x3e\x00\xff\x3e\x00"
    error = refusal(bytes(data))
    assert error.code is ErrorCode.IMAGE_TOO_LARGE
    assert "16128 × 16128" in error.detail


def test_the_refusal_of_a_large_image_names_its_size_and_the_limit() -> None:
    error = refusal(FORMATS[Format.PNG], limits=Limits(max_pixels=3000))
    assert error.code is ErrorCode.IMAGE_TOO_LARGE
    assert "64 × 48" in error.detail
    assert "0.003 megapixels" in error.detail
    assert refusal(FORMATS[Format.PNG], limits=Limits(max_side=50)).code is ErrorCode.IMAGE_TOO_LARGE
    assert probe(FORMATS[Format.PNG], Limits(max_pixels=64 * 48, max_side=64)).width == 64


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<svg/>", "SVG"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\x00\x01", "Photoshop"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    ],
)
def test_a_known_format_that_is_not_accepted_is_named(data: bytes, name: str) -> None:
    error = refusal(data)
    assert error.code is ErrorCode.IMAGE_FORMAT_UNSUPPORTED
    assert name in error.detail


@pytest.mark.parametrize("data", [b"", b"hello", b"<html></html>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a"])
def test_what_is_no_image_is_invalid(data: bytes) -> None:
    assert refusal(data).code is ErrorCode.IMAGE_INVALID


def test_transparency_and_animation_are_told_from_the_header() -> None:
    assert probe(save(gradient(channels=4), "PNG")).has_alpha
    assert not probe(FORMATS[Format.PNG]).has_alpha
    assert not probe(FORMATS[Format.GIF]).animated


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([*FORMATS.values(), b"\x00\x00\x00\x18ftypavif"]), st.integers(0, 60))
@example(b"", b"BM", 2)
@pytest.mark.filterwarnings("ignore")
def test_arbitrary_bytes_behind_a_true_beginning_raise_nothing_but_input_errors(
    tail: bytes, start: bytes, keep: int
) -> None:
    try:
        probe(start[:keep] + tail)
    except InputError as error:
        assert error.code.startswith("image_")  # noqa: PT017 - one of several allowed outcomes


def test_the_gateway_can_probe_without_loading_cv2() -> None:
    code = "import sys, tasks.imaging, tasks.imaging.probe; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
