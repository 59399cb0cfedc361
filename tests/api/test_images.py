"""Uploads."""

import hashlib

import httpx
import pytest

from tests.api.pictures import picture, text
from tests.api.workers import FakeWorker

PHOTO = picture(image_format="WEBP")
ID = hashlib.sha256(PHOTO).hexdigest()


@pytest.mark.parametrize("way", ["raw", "octets", "form", "json"])
def test_an_upload_has_the_id_of_its_bytes(client: httpx.Client, way: str) -> None:
    """However it is sent, the same bytes are one image; its format is told by its content."""
    request = {
        "raw": {"content": PHOTO, "headers": {"content-type": "image/jpeg"}},
        "octets": {"content": PHOTO, "headers": {"content-type": "application/octet-stream"}},
        "form": {"files": {"image": ("a.jpg", PHOTO)}},
        "json": {"json": {"image": text(PHOTO)}},
    }[way]
    answer = client.post("/api/images", **request)  # type: ignore[arg-type]
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"image_id": ID, "width": 120, "height": 80, "format": "webp"}
    assert answer.headers["location"] == f"/api/images/{ID}"


def test_an_image_is_served_privately_and_revalidated(client: httpx.Client) -> None:
    """The bytes come back with their id as ETag; who has them gets a 304; no shared cache may keep them."""
    client.post("/api/images", content=PHOTO, headers={"content-type": "image/webp"})
    answer = client.get(f"/api/images/{ID}")
    assert (answer.content, answer.headers["content-type"]) == (PHOTO, "image/webp")
    assert answer.headers["etag"] == f'"{ID}"'
    assert "private" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    for tag in (f'"{ID}"', f'"other", W/"{ID}"', "*"):
        again = client.get(f"/api/images/{ID}", headers={"if-none-match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", f'"{ID}"')


def test_another_owner_s_image_is_unknown(client: httpx.Client, worker: FakeWorker) -> None:
    """An id that somebody else put names nothing here, neither to read nor to edit."""
    kept = worker.store.put(picture(colour="navy"), owner="somebody")
    assert client.get(f"/api/images/{kept.id}").json()["code"] == "image_unknown"
    answer = client.post("/api/generate/async", json={"task_type": "white-balance", "input_image": kept.id})
    assert (answer.status_code, answer.json()["code"]) == (404, "image_unknown")


@pytest.mark.parametrize("name", ["0" * 64, "short", "A" * 64, "..%2f..%2fetc"])
def test_an_unknown_image_is_not_found(client: httpx.Client, name: str) -> None:
    """No path of the store can be reached by an id that is none."""
    answer = client.get(f"/api/images/{name}")
    assert answer.status_code == 404
    assert answer.json()["code"] in {"image_unknown", "route_unknown"}


def test_an_upload_has_one_image_and_no_other_field(client: httpx.Client) -> None:
    """A form without the file and one with unknown fields are refused by name."""
    nothing = client.post("/api/images", json={"picture": text(PHOTO)})
    assert nothing.status_code == 422
    assert {each["field"] for each in nothing.json()["errors"]} == {"image", "picture"}
