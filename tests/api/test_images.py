"""Uploads."""

import hashlib

import httpx
import pytest

from tasks.engines import SegmenterName
from tasks.queues import Queue
from tasks.smart_masks import SEGMENT_TASK
from tasks.store import image_id
from tests.api.conftest import MakeServer
from tests.api.pictures import picture, text
from tests.api.workers import FakeWorker, seconds_left
from tests.lab import wait_for

PHOTO, OTHER = picture(image_format="WEBP"), picture(colour="olive")
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


KEY = "fastsam-test"


def segmentation_depth(client: httpx.Client) -> int:
    """How many messages the gateway sees on the segmentation pool's queue."""
    return int(client.get("/api/system/health").json()["services"]["segmentation"]["queue_depth"])


def test_a_prefetch_has_the_masks_made_once(make_server: MakeServer, worker: FakeWorker) -> None:
    """The upload is answered at once; its segmentation is queued, and not again when the masks are there."""
    with make_server(segmentation_engine=SegmenterName.FASTSAM) as client:
        answer = client.post("/api/images?prefetch=masks", json={"image": text(PHOTO)})
        assert (answer.status_code, answer.json()["prefetch"]) == (201, "masks")
        message = worker.take(Queue.SEGMENTATION)
        assert (message.task, message.args, message.kwargs) == (SEGMENT_TASK, [ID], {"owner": "local"})
        assert seconds_left(message) > 300
        worker.tell_segmenter(KEY)
        worker.store.put_derived(ID, KEY, b"masks")
        again = client.post("/api/images?prefetch=masks", json={"image": text(PHOTO)})
        assert again.json()["prefetch"] == "stored"
        other = client.post("/api/images", json={"image": text(PHOTO)})
        assert "prefetch" not in other.json()
        assert worker.queued() == 0


def test_without_a_model_there_is_nothing_to_prefetch(client: httpx.Client, worker: FakeWorker) -> None:
    """The opencv engine computes each click by itself."""
    answer = client.post("/api/images?prefetch=masks", json={"image": text(PHOTO)})
    assert (answer.status_code, answer.json()["prefetch"]) == (201, "not_needed")
    assert worker.queued() == 0


def test_a_prefetch_can_be_refused(make_server: MakeServer, worker: FakeWorker) -> None:
    """An unknown one is a 422 that names what there is; a full queue is told before anything is stored."""
    with make_server(segmentation_engine=SegmenterName.FASTSAM, max_waiting_photos=1) as client:
        unknown = client.post("/api/images?prefetch=everything", json={"image": text(PHOTO)})
        assert (unknown.status_code, unknown.json()["code"]) == (422, "parameter_invalid")
        assert "'masks'" in unknown.json()["detail"]
        client.post("/api/images?prefetch=masks", json={"image": text(PHOTO)})
        wait_for(lambda: segmentation_depth(client) == 1, "a full queue")
        full = client.post("/api/images?prefetch=masks", json={"image": text(OTHER)})
        assert (full.status_code, full.json()["code"]) == (503, "queue_full")
        assert not worker.store.exists(image_id(OTHER))


def test_an_upload_has_one_image_and_no_other_field(client: httpx.Client) -> None:
    """A form without the file and one with unknown fields are refused by name."""
    nothing = client.post("/api/images", json={"picture": text(PHOTO)})
    assert nothing.status_code == 422
    assert {each["field"] for each in nothing.json()["errors"]} == {"image", "picture"}
