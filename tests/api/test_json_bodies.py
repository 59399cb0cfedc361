"""JSON bodies with images in them, against the parser of the standard library."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, strategies as st

from api import json_bodies
from api.json_bodies import LONG_BYTES

PHOTO = bytes(range(256)) * 400
BASE64 = b64encode(PHOTO).decode()
assert len(BASE64) > LONG_BYTES

short = st.text(max_size=20) | st.sampled_from(['"', "\\", '\\"', '":', '","', "\n", "é", "😀"])
images = st.sampled_from([BASE64, f"data:image/png;base64,{BASE64}"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | short | images,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(short, inner, max_size=4),
    max_leaves=12,
)


def decoded(value: Any) -> Any:
    """What a body means: its long images are bytes."""
    if isinstance(value, str):
        return PHOTO if value.endswith(BASE64) else value
    if isinstance(value, dict):
        return {name: decoded(each) for name, each in value.items()}
    return [decoded(each) for each in value] if isinstance(value, list) else value


@given(value=st.dictionaries(short, values, max_size=6), indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_a_body_is_what_any_parser_reads_with_its_images_decoded(
    value: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    """Escapes, quotes and colons within strings do not mislead the search for long ones."""
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert json_bodies.parse(body) == decoded(value)


@pytest.mark.parametrize(
    "text",
    [BASE64 + "!", BASE64 + "é", BASE64[:-3], f"data:image/png,{BASE64}", BASE64 + "\\/" * 4, "words " * 20_000],
    ids=["no base64", "not ASCII", "not padded", "no base64 URL", "with escapes", "a text"],
)
def test_a_long_text_that_is_no_image_stays_a_text(text: str) -> None:
    """Whoever reads the field says what is wrong with it."""
    body = json.dumps({"input_image": BASE64, "prompt": text}).encode()
    assert json_bodies.parse(body)["prompt"] == text


def test_a_long_name_is_no_image() -> None:
    """Fields keep their names, so that an unknown one can be told."""
    assert json_bodies.parse(json.dumps({BASE64: 1, "a": BASE64}).encode()) == {BASE64: 1, "a": PHOTO}


def test_behind_a_thousand_strings_nothing_is_looked_for() -> None:
    """The time that a body of many strings takes is the parser's."""
    body = json.dumps({"many": ["x"] * json_bodies.MAX_STRINGS, "input_image": BASE64}).encode()
    assert json_bodies.parse(body)["input_image"] == BASE64


@pytest.mark.parametrize("damage", ['"', "\\", "\x00", "]", '{"a":'])
def test_damaged_json_stays_damaged(damage: str) -> None:
    """Taking a string out mends nothing around it."""
    body = json.dumps({"input_image": BASE64}).encode()
    for broken in (damage.encode() + body, body + damage.encode(), body.replace(b": ", b": " + damage.encode())):
        with pytest.raises(ValueError, match="line 1"):
            json_bodies.parse(broken)
