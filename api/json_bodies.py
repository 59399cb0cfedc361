"""JSON bodies that hold images as base64: a long one is decoded where it lies and never becomes a text.

A parser makes a text of every string and holds the interpreter's lock meanwhile: 15 ms for a photo of 20 MB, most of
them page faults, in which nobody else is answered. Base64 is decoded without the lock, from the body itself.
"""

import re
import secrets
from collections.abc import Iterator
from typing import Any, Final

import pybase64
from pydantic_core import from_json

from tasks.errors import ErrorCode, InputError

LONG_BYTES: Final = 65_536
"""From this length on a string is taken out of the body; of shorter ones the parser makes a text in no time."""
MAX_STRINGS: Final = 1000
"""So many strings are looked at, keys included: a request has some thirty, and of a hostile body the parser, which is
quicker, gets the rest."""

_DATA_URL: Final = re.compile(rb"data:[^,]{0,200};base64,")
_ESCAPED: Final = re.compile(rb'"(?:[^"\\]|\\.){0,%d}"' % LONG_BYTES, re.DOTALL)
_AFTER_VALUE: Final = re.compile(rb"[ \t\r\n]{0,64}[,\]}]")


def parse(body: bytes) -> Any:
    """Parse JSON; a value of 64 KiB or more that is base64, or a base64 data URL, becomes the bytes that it stands for.

    NaN passes: a field's own check then names the field. Raises ``ValueError`` for what is not JSON.
    """
    spans = list(_long_values(body)) if len(body) >= LONG_BYTES else []
    view = memoryview(body)
    try:
        images = [decode_base64(view[start:end]) for start, end in spans]
    except InputError:
        return from_json(body)  # a text after all, or damaged; whoever reads the field says so
    if not images:
        return from_json(body)
    mark = secrets.token_hex(16)  # that no string of the body can be, as it is not known to whom wrote it
    return _put_back(from_json(_without(view, spans, mark)), mark, images)


def decode_base64(text: str | bytes | memoryview) -> bytes:
    """Decode base64 or a base64 data URL, strictly (RFC 4648, 4). Raises ``InputError`` (base64_invalid)."""
    try:
        head = text[:256].encode("ascii") if isinstance(text, str) else bytes(text[:256])
        prefix = _DATA_URL.match(head)
        return pybase64.b64decode(text[prefix.end() :] if prefix else text, validate=True)
    except ValueError as error:
        raise InputError(
            ErrorCode.BASE64_INVALID,
            "This is neither base64 (standard alphabet, padded, no line breaks), a base64 data URL nor an image id.",
        ) from error


def _long_values(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the long strings without escapes begin and end, quotes not counted, if they are values."""
    at = 0
    for _ in range(MAX_STRINGS):
        start = body.find(b'"', at) + 1
        end = body.find(b'"', start)
        if start == 0 or end < 0:
            return
        if body.find(b"\\", start, end) >= 0:
            escaped = _ESCAPED.match(body, start - 1)
            if escaped is None:
                return
            end = escaped.end() - 1
        elif end - start >= LONG_BYTES and _AFTER_VALUE.match(body, end + 1):
            yield start, end
        at = end + 1


def _without(body: memoryview, spans: list[tuple[int, int]], mark: str) -> bytes:
    pieces: list[bytes | memoryview] = []
    at = 0
    for number, (start, end) in enumerate(spans):
        pieces += [body[at:start], f"{mark}{number}".encode()]
        at = end
    return b"".join([*pieces, body[at:]])


def _put_back(value: Any, mark: str, images: list[bytes]) -> Any:
    if isinstance(value, str) and value.startswith(mark):
        return images[int(value.removeprefix(mark))]
    if isinstance(value, dict):
        return {name: _put_back(each, mark, images) for name, each in value.items()}
    if isinstance(value, list):
        return [_put_back(each, mark, images) for each in value]
    return value
