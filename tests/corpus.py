"""Hostile pictures, made by code: bombs, lies, floods, polyglots and what files seldom hold.

``CORPUS`` names a builder for each sample. A sample says what may become of it: the size of the picture that it
holds, if it may be taken, and the codes with which it may be refused. Nothing else is an acceptable end.
"""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from tests.imaging.pictures import gradient, noise, save

WIDTH, HEIGHT = 64, 48
SIZE = (WIDTH, HEIGHT)

INVALID, TRUNCATED, TOO_LARGE, UNSUPPORTED = (
    "image_invalid",
    "image_truncated",
    "image_too_large",
    "image_format_unsupported",
)
UNREADABLE = (INVALID, TRUNCATED)

HEAVY = 100_000
"""Bytes; what is longer is sent on few routes only."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A file, and what may become of it."""

    data: bytes
    size: tuple[int, int] | None = None
    """Width and height of the upright picture, if it may be taken; None if it has to be refused."""
    codes: tuple[str, ...] = ()
    """With which it may be refused; none if it has to be taken."""

    @property
    def is_heavy(self) -> bool:
        """Whether it is long, or large once it is decoded."""
        return len(self.data) > HEAVY or (self.size is not None and self.size[0] * self.size[1] > 1_000_000)


Builder = Callable[[], Sample]


def taken(data: bytes, size: tuple[int, int] = SIZE) -> Sample:
    """A picture that has to be taken."""
    return Sample(data, size)


def refused(data: bytes, *codes: str) -> Sample:
    """A file that has to be refused with one of these codes."""
    return Sample(data, None, codes or (INVALID,))


def either(data: bytes, size: tuple[int, int] = SIZE, *codes: str) -> Sample:
    """A file that decoders may differ on."""
    return Sample(data, size, codes or UNREADABLE)


# PNG


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int = WIDTH,
    height: int = HEIGHT,
    *,
    pixels: bytes | None = None,
    before: Iterable[bytes] = (),
    after: Iterable[bytes] = (),
    depth: int = 8,
    colour: int = 2,
) -> bytes:
    """A PNG with chunks before and after its pixels, which are black unless given compressed."""
    row = 1 + (width * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] * depth + 7) // 8
    packed = deflated(row * height) if pixels is None else pixels
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)),
            *before,
            chunk(b"IDAT", packed),
            *after,
            chunk(b"IEND"),
        ]
    )


@cache
def deflated(length: int) -> bytes:
    """So many zeros, deflated: a thousandth of them."""
    packer = zlib.compressobj(1)
    block = bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(length >> 20)]
    return b"".join([*parts, packer.compress(bytes(length & 0xFFFFF)), packer.flush()])


def _flipped(data: bytes, marker: bytes, offset: int) -> bytes:
    changed = bytearray(data)
    changed[data.index(marker) + offset] ^= 0x55
    return bytes(changed)


def _png_with_text(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    return save(gradient(), "PNG", pnginfo=info)


def _rgb16() -> bytes:
    rows = np.zeros((HEIGHT, 1 + WIDTH * 6), np.uint8)
    rows[:, 1:] = noise(HEIGHT, WIDTH * 6, 1)[..., 0]
    return png(pixels=zlib.compress(rows.tobytes()), depth=16)


def _palette_with_alpha() -> bytes:
    return save(Image.fromarray(gradient()).quantize(64), "PNG", transparency=bytes(range(0, 256, 4)))


PNGS: dict[str, Builder] = {
    "png pixels inflate to 64 MB behind a small header": lambda: either(png(pixels=deflated(64 << 20))),
    "png 60000 x 60000": lambda: refused(png(60_000, 60_000, pixels=deflated(1 << 20)), TOO_LARGE),
    "png 6300 x 6300, all pixels": lambda: taken(png(6300, 6300), (6300, 6300)),
    "png 6300 x 6300, few pixels": lambda: refused(png(6300, 6300, pixels=deflated(100)), TRUNCATED),
    "png profile inflates to 64 MB": lambda: either(png(before=[chunk(b"iCCP", b"x\0\0" + deflated(64 << 20))])),
    "png text inflates to 64 MB": lambda: either(png(before=[chunk(b"zTXt", b"x\0\0" + deflated(64 << 20))])),
    "png international text inflates to 64 MB": lambda: either(
        png(before=[chunk(b"iTXt", b"x\0\1\0\0\0" + deflated(64 << 20))])
    ),
    "png 200 texts inflate to 1 MB each": lambda: either(
        png(before=[chunk(b"zTXt", b"%d\0\0" % each + deflated((1 << 20) - 1)) for each in range(200)])
    ),
    "png 300 texts behind the pixels inflate to 7 MB each": lambda: either(
        png(after=[chunk(b"zTXt", b"%d\0\0" % each + deflated(7 << 20)) for each in range(300)])
    ),
    "png 3000 profiles inflate to 1 MB each": lambda: either(
        png(before=[chunk(b"iCCP", b"x\0\0" + deflated((1 << 20) - 1))] * 3000)
    ),
    "png a million private chunks": lambda: either(png(before=[chunk(b"prVt") * 1_000_000])),
    "png a million private chunks behind the pixels": lambda: either(png(after=[chunk(b"prVt") * 1_000_000])),
    "png 300,000 texts": lambda: either(png(before=[chunk(b"tEXt", b"%d\0" % each) for each in range(300_000)])),
    "png a pixel chunk for each byte": lambda: either(
        png(pixels=b"", after=[chunk(b"IDAT", bytes([each])) for each in zlib.compress(bytes(193 * 48), 0)])
    ),
    "png 0 x 0": lambda: refused(png(0, 0), *UNREADABLE),
    "png 5 x 0": lambda: refused(png(5, 0), *UNREADABLE),
    "png 1 x 65535": lambda: refused(png(1, 65_535), TOO_LARGE),
    "png 65535 x 1": lambda: refused(png(65_535, 1), TOO_LARGE),
    "png 1 x 16384": lambda: taken(png(1, 16_384), (1, 16_384)),
    "png 16384 x 1": lambda: taken(png(16_384, 1), (16_384, 1)),
    "png negative width": lambda: refused(
        png(10, 10, pixels=b"").replace(b"\0\0\0\n", b"\xff\xff\xff\xff", 1), TOO_LARGE, *UNREADABLE
    ),
    "png wrong checksum of the header": lambda: refused(_flipped(png(), b"IHDR", 17), *UNREADABLE),
    "png wrong checksum of the pixels": lambda: refused(_flipped(save(noise(), "PNG"), b"IEND", -9), *UNREADABLE),
    "png wrong checksum of a text": lambda: either(_flipped(_png_with_text(Title="a"), b"tEXt", 9)),
    "png 16 bits": lambda: taken(_rgb16()),
    "png 16 bits grey": lambda: taken(save(Image.fromarray(gradient()[..., 0].astype(np.uint16) * 257), "PNG")),
    "png 16 bits with alpha": lambda: taken(png(depth=16, colour=6)),
    "png palette with alpha": lambda: taken(_palette_with_alpha()),
    "png palette that is missing": lambda: refused(png(colour=3), *UNREADABLE),
    "png one bit": lambda: taken(save(Image.fromarray(gradient()).convert("1"), "PNG")),
    "png grey with alpha": lambda: taken(save(Image.fromarray(gradient()).convert("LA"), "PNG")),
    "png no pixels": lambda: refused(png(pixels=b""), *UNREADABLE),
    "png two headers": lambda: either(
        png(before=[chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))]),
        SIZE,
        TOO_LARGE,
        *UNREADABLE,
    ),
    "png animated": lambda: taken(_animated("PNG")),
    "png claims four billion frames": lambda: either(png(before=[chunk(b"acTL", b"\xff\xff\xff\xff\0\0\0\0")])),
    "png with HTML behind": lambda: taken(save(gradient(), "PNG") + b"<html><script>alert(1)</script></html>"),
    "png text with control characters": lambda: taken(_png_with_text(Comment="\x1b[2J\r\nSet-Cookie: a=b\r\n\x07\x00")),
    "png huge EXIF": lambda: taken(png(before=[chunk(b"eXIf", looping_exif(70_000))])),
    "png EXIF of noise": lambda: taken(png(before=[chunk(b"eXIf", random.Random(1).randbytes(5000))])),
    "png profile of noise": lambda: taken(
        png(before=[chunk(b"iCCP", b"x\0\0" + zlib.compress(random.Random(2).randbytes(5000)))])
    ),
    "png profile of a megabyte": lambda: either(
        png(before=[chunk(b"iCCP", b"x\0\0" + zlib.compress(random.Random(3).randbytes((1 << 20) - 10)))])
    ),
}


# JPEG


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(*segments: bytes, behind: bytes = b"") -> bytes:
    """A JPEG with these segments at its beginning."""
    plain = save(gradient(), "JPEG")
    return plain[:2] + b"".join(segments) + plain[2:] + behind


def looping_exif(length: int = 64_000) -> bytes:
    """EXIF whose directories point to each other and to themselves, filled with text to a length."""
    pointers = (0x8769, 0x8825, 0xA005, 0x014A)
    entries = [struct.pack("<HHII", 0x010E, 2, length - 100, 90)]
    entries += [struct.pack("<HHII", tag, 4, 1, 8) for tag in pointers]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 8)
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(90, b"\0") + b"A" * (length - 90)


def overlapping_exif(length: int = 60_000) -> bytes:
    """EXIF with as many tags as fit, each of which names all of its bytes as its value."""
    count = (length - 14) // 12
    entries = b"".join(struct.pack("<HHII", 0x1000 + each, 7, length - 8, 8) for each in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + struct.pack("<I", 0)


def profile_segments(profile: bytes) -> list[bytes]:
    """An ICC profile in segments."""
    step = 65_519
    parts = [profile[at : at + step] for at in range(0, len(profile), step)]
    return [segment(0xE2, b"ICC_PROFILE\0" + bytes([at + 1, len(parts)]) + part) for at, part in enumerate(parts)]


def _exif_with_text(text: str) -> bytes:
    tags = Image.Exif()
    tags[0x010E] = tags[0x013B] = tags[0x9286] = text
    return tags.tobytes()


def scans(count: int, side: int = 2000) -> bytes:
    """A progressive JPEG, black, whose later scans refine the same coefficient again and again for a few bytes each."""
    black = save(np.zeros((side, side), np.uint8), "JPEG", progressive=True, quality=50)
    last = black.rindex(b"\xff\xda")
    end = black.rindex(b"\xff\xd9")
    return black[:end] + black[last:end] * count + black[end:]


def _frame_header(width: int, height: int) -> bytes:
    return segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + b"\1\x22\0\2\x11\1\3\x11\1")


def _other_size(width: int, height: int) -> bytes:
    data = bytearray(save(gradient(), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _second_frame() -> bytes:
    data = save(gradient(), "JPEG")
    scan = data.index(b"\xff\xda")
    return data[:scan] + _frame_header(6000, 6000) + data[scan:]


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("run.sh", "echo")
    return buffer.getvalue()


def _mpo() -> bytes:
    views = [Image.fromarray(gradient()), Image.fromarray(noise())]
    return save(views[0], "MPO", save_all=True, append_images=views[1:])


JPEGS: dict[str, Builder] = {
    "jpeg CMYK": lambda: taken(save(Image.fromarray(gradient()).convert("CMYK"), "JPEG")),
    "jpeg grey": lambda: taken(save(gradient()[..., 0], "JPEG")),
    "jpeg progressive": lambda: taken(save(gradient(), "JPEG", progressive=True)),
    "jpeg 50 scans": lambda: taken(scans(30, 64), (64, 64)),
    "jpeg 5000 scans of 4 MP": lambda: refused(scans(5000), INVALID),
    "jpeg huge EXIF with loops": lambda: taken(jpeg(segment(0xE1, b"Exif\0\0" + looping_exif()))),
    "jpeg EXIF whose tags overlap": lambda: taken(jpeg(segment(0xE1, b"Exif\0\0" + overlapping_exif()))),
    "jpeg EXIF over many segments": lambda: taken(
        jpeg(*[segment(0xE1, b"Exif\0\0" + part) for part in (overlapping_exif(), *[b"x" * 60_000] * 200)])
    ),
    "jpeg EXIF with control characters": lambda: taken(
        save(gradient(), "JPEG", exif=_exif_with_text("\x1b[2J\r\nSet-Cookie: a=b\x00<script>"))
    ),
    "jpeg profile of noise": lambda: taken(jpeg(*profile_segments(random.Random(4).randbytes(3000)))),
    "jpeg profile of 16 MB": lambda: taken(jpeg(*profile_segments(random.Random(5).randbytes(16_000_000)))),
    "jpeg profile with parts missing": lambda: taken(jpeg(profile_segments(random.Random(6).randbytes(200_000))[1])),
    "jpeg a million empty segments": lambda: either(jpeg(segment(0xEA, b"") * 1_000_000)),
    "jpeg a million empty comments": lambda: either(jpeg(segment(0xFE, b"") * 1_000_000)),
    "jpeg with two views": lambda: taken(_mpo()),
    "jpeg second views that overlap": lambda: taken(jpeg(segment(0xE2, b"MPF\0" + overlapping_exif()))),
    "jpeg says 65500 x 65500": lambda: refused(_other_size(65_500, 65_500), TOO_LARGE),
    "jpeg says 6000 x 6000": lambda: refused(_other_size(6000, 6000), TRUNCATED),
    "jpeg says 0 x 0": lambda: refused(_other_size(0, 0), *UNREADABLE),
    "jpeg with two frame headers": lambda: either(_second_frame(), SIZE, TOO_LARGE, *UNREADABLE),
    "jpeg with a ZIP behind": lambda: taken(save(gradient(), "JPEG") + _zip()),
    "jpeg of two pictures": lambda: taken(save(gradient(), "JPEG") + save(noise(), "JPEG")),
    "jpeg without tables": lambda: either(save(gradient(), "JPEG", streamtype=2), SIZE, *UNREADABLE),
}


# GIF


def _animated(name: str, count: int = 3) -> bytes:
    frames = [Image.fromarray(np.roll(gradient(), 5 * each, axis=1)) for each in range(count)]
    return save(frames[0], name, save_all=True, append_images=frames[1:])


def gif(width: int, height: int, *blocks: bytes) -> bytes:
    """A GIF of these blocks, in black and white."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
    return head + b"".join(blocks) + b";"


def gif_frame(width: int = 1, height: int = 1, x: int = 0, y: int = 0, codes: bytes = b"\x02\x44\x01\x00") -> bytes:
    """A frame of a GIF; the codes hold a single pixel unless others are given."""
    return b"," + struct.pack("<HHHHB", x, y, width, height, 0) + b"\2" + codes


def _small_blocks(count: int) -> bytes:
    return b"\1a" * count + b"\0"


GIFS: dict[str, Builder] = {
    "gif 65535 x 65535": lambda: refused(gif(65_535, 65_535, gif_frame()), TOO_LARGE),
    "gif 16000 x 2400 canvas, 1 pixel": lambda: taken(gif(16_000, 2400, gif_frame()), (16_000, 2400)),
    "gif 100,000 frames": lambda: taken(gif(4, 4, gif_frame() * 100_000), (4, 4)),
    "gif frame outside": lambda: either(gif(4, 4, gif_frame(40_000, 40_000, 9, 9)), SIZE, TOO_LARGE, *UNREADABLE),
    "gif 0 x 0": lambda: either(gif(0, 0, gif_frame()), (1, 1)),
    "gif of no frame": lambda: refused(gif(4, 4), *UNREADABLE),
    "gif comment in ten million pieces": lambda: either(
        gif(4, 4, b"!\xfe" + _small_blocks(10_000_000), gif_frame()), (4, 4)
    ),
    "gif pixels in ten million pieces": lambda: either(
        gif(4, 4, gif_frame(4, 4, codes=_small_blocks(10_000_000)), gif_frame()), (4, 4)
    ),
    "gif comment of 20 MB": lambda: taken(
        gif(4, 4, b"!\xfe" + (b"\xff" + b"a" * 255) * 80_000 + b"\0", gif_frame()), (4, 4)
    ),
    "gif animated": lambda: taken(_animated("GIF")),
    "gif with a script behind": lambda: taken(save(gradient(), "GIF") + b"=1;alert(1)//"),
    "gif that is a script": lambda: refused(b"GIF89a=1;alert(1)//" + b" " * 100, *UNREADABLE, TOO_LARGE),
}


# WebP


def _webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _canvas(width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8X", b"\0" * 4 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _lossless_header(width: int, height: int) -> bytes:
    return b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + bytes(40)


WEBPS: dict[str, Builder] = {
    "webp canvas of 16 million x 16 million": lambda: refused(_webp(_canvas(1 << 24, 1 << 24)), TOO_LARGE, *UNREADABLE),
    "webp canvas of 16000 x 16000": lambda: refused(
        _webp(_canvas(16_000, 16_000), (b"VP8L", _lossless_header(16_000, 16_000))), TOO_LARGE
    ),
    "webp lossless 16383 x 16383": lambda: refused(_webp((b"VP8L", _lossless_header(16_383, 16_383))), TOO_LARGE),
    "webp lossless 6000 x 6000 of nothing": lambda: refused(
        _webp((b"VP8L", _lossless_header(6000, 6000))), *UNREADABLE
    ),
    "webp lossy 16383 x 16383": lambda: refused(
        _webp((b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383) + bytes(60))),
        TOO_LARGE,
        *UNREADABLE,
    ),
    "webp canvas and frame differ": lambda: refused(
        _webp(_canvas(8, 8), (b"VP8L", _lossless_header(16_000, 16_000))), TOO_LARGE, *UNREADABLE
    ),
    "webp animated": lambda: taken(_animated("WEBP")),
    "webp with alpha": lambda: taken(save(gradient(channels=4), "WEBP")),
    "webp huge EXIF with loops": lambda: taken(save(gradient(), "WEBP", exif=looping_exif())),
    "webp profile of noise": lambda: taken(save(gradient(), "WEBP", icc_profile=random.Random(7).randbytes(3000))),
    "webp wrong length": lambda: refused(
        save(gradient(), "WEBP").replace(b"RIFF", b"RIFF\xff\xff\xff\x7f", 1), *UNREADABLE
    ),
}


# TIFF


def tiff(tags: dict[int, tuple[int, int, int | bytes]], *, pixels: bytes = b"", following: int = 0) -> bytes:
    """A TIFF of one directory: for each tag its type, its count, and its value or the bytes that hold it."""
    start = 8 + 2 + 12 * len(tags) + 4
    stored = pixels
    entries = []
    for tag, (kind, count, value) in sorted(tags.items()):
        if isinstance(value, bytes):
            entries.append(struct.pack("<HHII", tag, kind, count, start + len(stored)))
            stored += value
        else:
            entries.append(struct.pack("<HHII", tag, kind, count, value))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + directory + stored


SHORT, LONG = 3, 4
_PIXELS_AT = 8 + 2 + 12 * 10 + 4


def grey_tiff(width: int, height: int, packed: bytes, **changes: tuple[int, int, int | bytes]) -> bytes:
    """A grey TIFF of ten tags, whose pixels begin at ``_PIXELS_AT``; ``t258=…`` changes a tag."""
    tags: dict[int, tuple[int, int, int | bytes]] = {
        256: (LONG, 1, width),
        257: (LONG, 1, height),
        258: (SHORT, 1, 8),
        259: (SHORT, 1, 8),  # deflate
        262: (SHORT, 1, 1),
        273: (LONG, 1, _PIXELS_AT),
        277: (SHORT, 1, 1),
        278: (LONG, 1, height),
        279: (LONG, 1, len(packed)),
        284: (SHORT, 1, 1),
    }
    return tiff(tags | {int(name[1:]): value for name, value in changes.items()}, pixels=packed)


def tile_tiff(side: int) -> bytes:
    """A picture of 64 × 48 in one tile of side × side."""
    packed = deflated(side * side)
    tags: dict[int, tuple[int, int, int | bytes]] = {
        256: (LONG, 1, WIDTH),
        257: (LONG, 1, HEIGHT),
        258: (SHORT, 1, 8),
        259: (SHORT, 1, 8),
        262: (SHORT, 1, 1),
        277: (SHORT, 1, 1),
        322: (LONG, 1, side),
        323: (LONG, 1, side),
        324: (LONG, 1, _PIXELS_AT),
        325: (LONG, 1, len(packed)),
    }
    return tiff(tags, pixels=packed)


def _pages(count: int) -> bytes:
    pages = [Image.new("L", (8, 8), each % 256) for each in range(count)]
    return save(pages[0], "TIFF", save_all=True, append_images=pages[1:])


def _page_chain(count: int) -> bytes:
    first = grey_tiff(WIDTH, HEIGHT, deflated(WIDTH * HEIGHT))
    at = 8 + 2 + 120
    head = first[:at] + struct.pack("<I", len(first)) + first[at + 4 :]
    links = (struct.pack("<HI", 0, len(first) + 6 * (each + 1)) for each in range(count))
    return head + b"".join(links)


def _overlapping_tags() -> bytes:
    value = b"x" * 1_000_000
    tags: dict[int, tuple[int, int, int | bytes]] = {40_000 + each: (7, len(value), 200) for each in range(3000)}
    return grey_tiff(WIDTH, HEIGHT, deflated(WIDTH * HEIGHT))[:-1] + tiff(tags, pixels=value)


TIFFS: dict[str, Builder] = {
    "tiff strip inflates to 64 MB": lambda: either(grey_tiff(WIDTH, HEIGHT, deflated(64 << 20))),
    "tiff 60000 x 60000": lambda: refused(grey_tiff(60_000, 60_000, deflated(1 << 20)), TOO_LARGE),
    "tiff 6300 x 6300": lambda: taken(grey_tiff(6300, 6300, deflated(6300 * 6300)), (6300, 6300)),
    "tiff 6300 x 6300 of few pixels": lambda: refused(grey_tiff(6300, 6300, deflated(999)), *UNREADABLE),
    "tiff tile of 20000 x 20000": lambda: refused(tile_tiff(20_000), TOO_LARGE, *UNREADABLE),
    "tiff a million strips": lambda: either(
        grey_tiff(
            WIDTH,
            HEIGHT,
            bytes(WIDTH * HEIGHT),
            t259=(SHORT, 1, 1),
            t273=(LONG, 1_000_000, struct.pack("<I", _PIXELS_AT) * 1_000_000),
            t279=(LONG, 1_000_000, struct.pack("<I", 64) * 1_000_000),
            t278=(LONG, 1, 1),
        )
    ),
    "tiff two million numbers in a tag": lambda: either(
        grey_tiff(WIDTH, HEIGHT, deflated(WIDTH * HEIGHT), t258=(SHORT, 2_000_000, b"\x08\0" * 2_000_000))
    ),
    "tiff tags that overlap": lambda: either(_overlapping_tags()),
    "tiff directory at the end of the world": lambda: refused(
        b"MM\0+\0\x08\0\0" + struct.pack(">Q", 1 << 63) + bytes(64), *UNREADABLE
    ),
    "tiff 200 pages": lambda: taken(_pages(200), (8, 8)),
    "tiff a million empty pages": lambda: either(_page_chain(1_000_000)),
    "tiff page that follows itself": lambda: either(
        grey_tiff(WIDTH, HEIGHT, deflated(WIDTH * HEIGHT)).replace(b"\0\0\0\0", b"\x08\0\0\0", 0)
    ),
    "tiff 1 x 65535": lambda: refused(grey_tiff(1, 65_535, deflated(65_535)), TOO_LARGE),
    "tiff 0 x 0": lambda: refused(grey_tiff(0, 0, b""), *UNREADABLE),
    "tiff 16 bits": lambda: taken(save(Image.fromarray(gradient()[..., 0].astype(np.uint16) * 257), "TIFF")),
    "tiff floats": lambda: refused(save(Image.fromarray(gradient()[..., 0].astype(np.float32)), "TIFF"), UNSUPPORTED),
    "tiff CMYK": lambda: taken(save(Image.fromarray(gradient()).convert("CMYK"), "TIFF")),
    "tiff CIELAB": lambda: either(save(Image.new("LAB", SIZE), "TIFF"), SIZE, UNSUPPORTED),
    **{
        f"tiff compressed as {each}": (
            lambda each=each: taken(save(Image.fromarray(gradient()), "TIFF", compression=each))
        )
        for each in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")
    },
    "tiff compressed as group4": lambda: taken(
        save(Image.fromarray(gradient()).convert("1"), "TIFF", compression="group4")
    ),
    "tiff of an unknown compression": lambda: refused(
        grey_tiff(WIDTH, HEIGHT, bytes(999), t259=(SHORT, 1, 34_887)), *UNREADABLE
    ),
    "tiff of 9 samples": lambda: refused(grey_tiff(WIDTH, HEIGHT, bytes(9999), t277=(SHORT, 1, 9)), *UNREADABLE),
    "tiff rows that turn": lambda: taken(save(gradient(), "TIFF", tiffinfo={274: 6}), (HEIGHT, WIDTH)),
}


# AVIF and BMP


def _avif_says(width: int, height: int) -> bytes:
    data = bytearray(save(gradient(), "AVIF"))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


def _run_length_bmp(width: int, height: int, codes: bytes) -> bytes:
    palette = b"".join(bytes([each, each, each, 0]) for each in range(256))
    start = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(codes), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(codes), 0, 0, start) + info + palette + codes


OTHERS: dict[str, Builder] = {
    "avif says 60000 x 60000": lambda: refused(_avif_says(60_000, 60_000), TOO_LARGE, *UNREADABLE),
    "avif says 6000 x 6000": lambda: either(_avif_says(6000, 6000), (6000, 6000)),
    "avif says 0 x 0": lambda: refused(_avif_says(0, 0), *UNREADABLE),
    "avif animated": lambda: taken(_animated("AVIF")),
    "avif with alpha": lambda: taken(save(gradient(channels=4), "AVIF")),
    "avif huge EXIF with loops": lambda: taken(save(gradient(), "AVIF", exif=looping_exif())),
    "bmp run-length": lambda: taken(_run_length_bmp(4, 2, b"\4\1\0\0\4\2\0\1"), (4, 2)),
    "bmp run-length 6000 x 6000 of nothing": lambda: either(_run_length_bmp(6000, 6000, b"\0\1"), (6000, 6000)),
    "bmp run-length that jumps": lambda: either(_run_length_bmp(64, 48, b"\0\2\xff\xff" * 99 + b"\0\1")),
    "bmp 60000 x 60000": lambda: refused(_run_length_bmp(60_000, 60_000, b"\0\1"), TOO_LARGE),
    "bmp upside down": lambda: either(_run_length_bmp(4, -2, b"\4\1\0\0\4\2\0\1"), (4, 2)),
    "bmp 0 x 0": lambda: refused(_run_length_bmp(0, 0, b"\0\1"), *UNREADABLE),
    "svg": lambda: refused(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', UNSUPPORTED),
    "svg with an external entity": lambda: refused(
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg><text>&x;</text></svg>',
        UNSUPPORTED,
    ),
    "svg with a billion laughs": lambda: refused(
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><svg>&b;</svg>', UNSUPPORTED
    ),
    "html": lambda: refused(b"<!doctype html><script>alert(1)</script>"),
    "pdf": lambda: refused(b"%PDF-1.7\n" + bytes(100), UNSUPPORTED),
    "zip": lambda: refused(_zip()),
    "ico": lambda: refused(b"\0\0\1\0\1\0" + bytes(60), UNSUPPORTED),
    "zeros": lambda: refused(bytes(1000)),
    "one byte": lambda: refused(b"\x89"),
    "PostScript": lambda: refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", UNSUPPORTED),
    "pickle": lambda: refused(b"\x80\x04cos\nsystem\n(S'true'\ntR."),
}

CORPUS: dict[str, Builder] = {**PNGS, **JPEGS, **GIFS, **WEBPS, **TIFFS, **OTHERS}


@cache
def sample(name: str) -> Sample:
    """Build a sample of the corpus, once."""
    return CORPUS[name]()


def plain(name: str, side: int = 16) -> bytes:
    """A small sound picture of a Pillow format."""
    return save(gradient(side, side), name)


def cuts(data: bytes, step: int = 10) -> list[bytes]:
    """What is left of a file that ends early, at every tenth byte."""
    return [data[:length] for length in range(1, len(data), step)]


FORMATS: tuple[str, ...] = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "AVIF", "BMP")


def as_fields(**values: Any) -> dict[str, Any]:
    """Return the values that are given."""
    return {name: value for name, value in values.items() if value is not None}
