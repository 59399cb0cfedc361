"""Image utilities through the whole path, as today's frontend calls them and as a script does."""

import base64

import httpx
import numpy as np
import pytest

from tests.tasks import pictures

PHOTO = pictures.sample("astronaut.jpg")
MASK = pictures.sample("shuttle-mask.png")
UTILITIES = "/api/image-utils"


def b64(data: bytes) -> str:
    """As today's frontend sends images."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def picture(answer: httpx.Response, field: str = "image") -> np.ndarray:
    """Return the picture of a JSON answer."""
    assert answer.status_code == 200, answer.text
    return pictures.decoded(base64.b64decode(answer.json()[field].rpartition(",")[2]))


@pytest.mark.parametrize(
    ("route", "fields", "answer_field", "shape"),
    [
        ("resize", {"width": 256}, "image", (256, 256, 3)),
        ("crop", {"box": [10, 20, 110, 70]}, "image", (50, 100, 3)),
        ("encode", {"format": "webp", "quality": 50}, "image", (512, 512, 3)),
        ("extract-object", {"mask": True}, "extracted_image", (512, 512, 4)),
        ("mae", {"mask": True}, "image", (512, 512, 3)),
        ("canny", {}, "image", (512, 512)),
        ("add-shadow-preview", {"mask": True}, "preview_image", (512, 512, 3)),
    ],
)
def test_json_in_and_out(
    http: httpx.Client, route: str, fields: dict[str, object], answer_field: str, shape: tuple[int, ...]
) -> None:
    """Each utility takes base64 and answers in the field that today's frontend reads."""
    extra = {**fields, "mask": b64(MASK)} if fields.get("mask") else fields
    answer = http.post(f"{UTILITIES}/{route}", json={"image": b64(PHOTO), **extra})
    assert picture(answer, answer_field).shape == shape


def test_bytes_in_bytes_out(http: httpx.Client) -> None:
    """A script posts a file with parameters in the query and gets a file back."""
    answer = http.post(
        f"{UTILITIES}/resize",
        params={"width": 128, "format": "avif"},
        content=PHOTO,
        headers={"Content-Type": "image/jpeg", "Accept": "image/*"},
    )
    assert answer.headers["content-type"] == "image/avif", answer.text
    assert pictures.decoded(answer.content).shape == (128, 128, 3)


def test_a_workers_error_is_a_problem(http: httpx.Client) -> None:
    """A box outside the photo, which only the worker's code judges, comes back as a 4xx that names the photo's size."""
    answer = http.post(f"{UTILITIES}/crop", json={"image": b64(PHOTO), "box": [0, 0, 5000, 10]})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "crop_outside"
    assert "512" in answer.json()["detail"]


def test_a_position_leaves_no_trace(http: httpx.Client) -> None:
    """The EXIF of a photo, its GPS position included, is gone from the answer unless it was asked for."""
    located = pictures.with_position(pictures.photo(64, 48))
    for keep in (False, True):
        answer = http.post(
            f"{UTILITIES}/encode",
            params={"format": "jpeg", "keep_metadata": keep},
            content=located,
            headers={"Content-Type": "image/jpeg", "Accept": "image/*"},
        )
        assert answer.status_code == 200, answer.text
        assert pictures.has_position(answer.content) is keep
