"""Clicks over HTTP: what they send to which pool, what they answer, and how they are cancelled."""

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from api.settings import GatewaySettings
from tasks.engines import RefinerName, SegmenterName
from tasks.errors import ErrorCode
from tasks.queues import Queue, list_keys
from tasks.smart_masks import SEGMENT_TASK, SMART_MASK_TASK, cancelled_key
from tasks.store import image_id
from tests.api.conftest import MakeServer
from tests.api.pictures import mask, picture, text
from tests.api.servers import Server, serve
from tests.api.workers import FakeWorker, Message, meanwhile, seconds_left
from tests.lab import wait_for

PHOTO, STROKES, FOUND = picture(), mask(), mask(240, 160)
ID = image_id(PHOTO)
ROUTE = "/api/smart-mask"
JPEG = {"content-type": "image/jpeg"}
PNG = {"accept": "image/*"}
CLICK = {"image": text(PHOTO), "points": [[10, 20]]}
KEY = "fastsam-test"


@pytest.fixture
def fastsam(make_server: MakeServer) -> Iterator[httpx.Client]:
    """A client of a gateway whose segmentation pool runs FastSAM."""
    with make_server(segmentation_engine=SegmenterName.FASTSAM) as client:
        yield client


class Resolved:
    """Plays the worker of one click; keeps its message."""

    def __init__(self, worker: FakeWorker, queue: Queue, **more: Any) -> None:
        self.worker, self.queue, self.more = worker, queue, more
        self.messages: list[Message] = []

    def __call__(self) -> None:
        """Answer the next message."""
        message = self.worker.take(self.queue)
        self.messages.append(message)
        self.worker.reply_with_mask(message, FOUND, **self.more)


class Segmented(Resolved):
    """Plays the segmentation worker, then the one of the click."""

    def __call__(self) -> None:
        """Have the masks stored, and answer the click."""
        segmentation = self.worker.take(Queue.SEGMENTATION)
        self.messages.append(segmentation)
        self.worker.tell_segmenter(KEY)
        self.worker.store.put_derived(segmentation.args[0], KEY, b"masks")
        self.worker.reply(segmentation, {"image_id": segmentation.args[0], "masks": 3})
        super().__call__()


def lengths(worker: FakeWorker) -> dict[Queue, int]:
    """How many messages lie on each queue."""
    return {queue: sum(int(worker.broker.llen(key)) for key in list_keys(queue)) for queue in Queue}


def asked(client: httpx.Client, work: Callable[[], Any], **request: Any) -> httpx.Response:
    """Ask for a mask while a worker works."""
    with meanwhile(work):
        return client.post(ROUTE, **request)


def test_json_is_answered_with_json(client: httpx.Client, worker: FakeWorker) -> None:
    """The mask as base64, with the ids of mask, photo and request, and all that the click can mean."""
    work = Resolved(worker, Queue.SEGMENTATION, candidate=0, refined_with="grabcut")
    answer = asked(client, work, json={**CLICK, "request_id": "click-1", "use_blur": True})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert base64.b64decode(body.pop("mask_base64")) == FOUND
    assert body == {
        "success": True,
        "mask_id": image_id(FOUND),
        "image_id": ID,
        "request_id": "click-1",
        "width": 240,
        "height": 160,
        "box": [40, 26, 60, 40],
        "area": 280,
        "candidates": [{"box": [40, 26, 60, 40], "area": 280, "score": 0.9}],
        "candidate": 0,
        "model_used": "opencv",
        "refined_with": "grabcut",
    }
    assert client.get(f"/api/images/{body['mask_id']}").content == FOUND
    [message] = work.messages
    assert (message.task, message.args) == (SMART_MASK_TASK, [ID])
    assert message.kwargs == {"points": [[10, 20]], "use_blur": True, "owner": "local", "request_id": "click-1"}
    assert 0 < seconds_left(message) <= 20


def test_bytes_are_answered_where_they_are_asked_for_and_the_query_is_enough_later(
    client: httpx.Client, worker: FakeWorker
) -> None:
    """The photo as the body gives the PNG and its ids; the next click names the photo and has no body at all."""
    work = Resolved(worker, Queue.SEGMENTATION)
    clicked = {"points": "10,20,30,40", "labels": "1,0"}
    first = asked(client, work, params=clicked, content=PHOTO, headers={**JPEG, **PNG})
    assert (first.headers["content-type"], first.content) == ("image/png", FOUND)
    assert (first.headers["x-image-id"], first.headers["x-mask-id"]) == (ID, image_id(FOUND))
    assert first.headers["x-mask-request-id"] == work.messages[0].kwargs["request_id"] != first.headers["x-request-id"]
    assert work.messages[0].kwargs["points"] == [[10, 20], [30, 40]]
    assert work.messages[0].kwargs["labels"] == [1, 0]
    second = asked(client, work, params={"image_id": first.headers["x-image-id"], "bbox": "1,2,30,40"}, headers=PNG)
    assert second.content == FOUND
    assert work.messages[1].kwargs["bbox"] == [1, 2, 30, 40]


@pytest.mark.parametrize("points", ["10,20,30,40", "[[10, 20], [30, 40]]", ["10,20", "30,40"]])
def test_a_form_brings_photo_and_strokes(client: httpx.Client, worker: FakeWorker, points: str | list[str]) -> None:
    """Both images as files; a list as text, as JSON or said twice."""
    work = Resolved(worker, Queue.SEGMENTATION)
    files = {"image": ("p.jpg", PHOTO), "mask": ("m.png", STROKES)}
    answer = asked(client, work, files=files, data={"points": points, "border_adjustment": "-3", "labels": "[]"})
    assert base64.b64decode(answer.json()["mask_base64"]) == FOUND
    assert answer.json()["refined_with"] is None
    assert work.messages[0].args == [ID, image_id(STROKES)]
    assert work.messages[0].kwargs["points"] == [[10, 20], [30, 40]]
    assert work.messages[0].kwargs["border_adjustment"] == -3


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("image/*", "image/png"),
        ("image/png, application/json;q=0.5", "image/png"),
        ("text/html", None),
    ],
)
@pytest.mark.parametrize("way", [{"json": CLICK}, {"content": PHOTO, "params": {"points": "1,2"}}], ids=["json", "raw"])
def test_accept_decides(
    client: httpx.Client, worker: FakeWorker, way: dict[str, Any], accept: str, media_type: str | None
) -> None:
    """The answer is JSON unless an image is preferred, however it was asked; another type is a 406 before any work."""
    work = Resolved(worker, Queue.SEGMENTATION) if media_type else bool
    answer = asked(client, work, **way, headers={"accept": accept, **(JPEG if "content" in way else {})})
    assert answer.headers["content-type"] == (media_type or "application/problem+json")
    assert answer.status_code == (200 if media_type else 406)
    assert worker.queued() == 0


@pytest.mark.parametrize(
    ("path", "fields", "automatic"),
    [
        ("", {"auto_detect": True}, True),
        ("", {"auto_detect": True, "points": [], "labels": [], "bbox": None}, True),
        ("", {"auto_detect": True, "points": [[1, 2]]}, False),
        ("", {"auto_detect": False, "mask": text(STROKES)}, False),
        ("/detect", {}, True),
        ("/detect", {"points": [], "bbox": None, "auto_detect": False}, True),
    ],
)
def test_the_main_object_is_meant_where_nothing_is_pointed_at(
    client: httpx.Client, worker: FakeWorker, path: str, fields: dict[str, Any], automatic: bool
) -> None:
    """auto_detect has no effect beside a prompt; empty prompts, as today's frontend sends them, are none."""
    work = Resolved(worker, Queue.SEGMENTATION)
    with meanwhile(work):
        answer = client.post(f"{ROUTE}{path}", json={"image": text(PHOTO), **fields})
    assert answer.status_code == 200, answer.text
    assert work.messages[0].kwargs.get("auto_detect", False) is automatic


def test_coordinates_may_be_a_pixel_off(client: httpx.Client, worker: FakeWorker) -> None:
    """What a browser rounded over the edge is for the worker to clip."""
    fields = {"image": text(PHOTO), "points": [[-1, 81]], "bbox": [-1, -1, 121, 81]}
    assert asked(client, Resolved(worker, Queue.SEGMENTATION), json=fields).status_code == 200


def test_a_photo_is_segmented_once(fastsam: httpx.Client, worker: FakeWorker) -> None:
    """The first click has the masks made; the second one, by the photo's id, sends nothing to that pool."""
    first = Segmented(worker, Queue.IMAGE_UTILS, model_used="fastsam")
    answer = asked(fastsam, first, json={**CLICK, "request_id": "one"})
    assert (answer.status_code, answer.json()["model_used"]) == (200, "fastsam")
    segmentation, click = first.messages
    assert (segmentation.task, segmentation.args) == (SEGMENT_TASK, [ID])
    assert segmentation.kwargs == {"owner": "local", "request_id": "one"}
    assert seconds_left(segmentation) > 300
    assert click.task == SMART_MASK_TASK
    second = Resolved(worker, Queue.IMAGE_UTILS)
    answer = asked(fastsam, second, json={"image_id": answer.json()["image_id"], "points": [[50, 50]], "candidate": 1})
    assert (answer.status_code, answer.json()["image_id"]) == (200, ID)
    assert second.messages[0].kwargs["candidate"] == 1
    assert worker.queued() == 0


def test_clicks_are_counted_by_whether_their_masks_were_kept(make_server: MakeServer, worker: FakeWorker) -> None:
    """The first click on a photo is a miss, the next one a hit."""
    with make_server(segmentation_engine=SegmenterName.FASTSAM, metrics_seconds=0.05) as client:
        photo_id = asked(client, Segmented(worker, Queue.IMAGE_UTILS), json=CLICK).json()["image_id"]
        click = {"image_id": photo_id, "points": [[50, 50]]}
        assert asked(client, Resolved(worker, Queue.IMAGE_UTILS), json=click).is_success
        told = [f'darkroom_mask_cache_total{{result="{result}"}} 1.0' for result in ("hit", "miss")]
        wait_for(lambda: all(line in client.get("/metrics").text for line in told), "both counts", 10)


def test_masks_of_another_model_are_other_masks(fastsam: httpx.Client, worker: FakeWorker) -> None:
    """After the pool got another model, the first click has the photo segmented anew."""
    worker.tell_segmenter("fastsam-new")
    worker.store.put_derived(ID, "fastsam-old", b"masks")
    work = Segmented(worker, Queue.IMAGE_UTILS)
    assert asked(fastsam, work, json=CLICK).status_code == 200
    assert [message.task for message in work.messages] == [SEGMENT_TASK, SMART_MASK_TASK]


@pytest.mark.parametrize(
    ("refiner", "queue"),
    [(RefinerName.GRABCUT, Queue.IMAGE_UTILS), (RefinerName.BIREFNET, Queue.SEGMENTATION)],
)
def test_a_sharp_edge_is_computed_where_its_model_is(
    fastsam: httpx.Client, worker: FakeWorker, refiner: RefinerName, queue: Queue
) -> None:
    """model_type birefnet goes to the segmentation pool only if that has the model, as it told last."""
    worker.tell_segmenter(KEY, refiner)
    worker.store.put_derived(ID, KEY, b"masks")
    work = Resolved(worker, queue)
    answer = asked(fastsam, work, json={**CLICK, "model_type": "birefnet"})
    assert answer.status_code == 200
    assert work.messages[0].kwargs["model_type"] == "birefnet"


def test_masks_that_vanish_are_made_once_more(fastsam: httpx.Client, worker: FakeWorker) -> None:
    """A click that no longer finds its masks has the photo segmented again; the second time its error is told."""
    worker.tell_segmenter(KEY)
    worker.store.put_derived(ID, KEY, b"masks")

    def vanish() -> None:
        worker.reply_with_error(worker.take(), ErrorCode.RESULT_NOT_READY)

    def vanish_once() -> None:
        vanish()
        Segmented(worker, Queue.IMAGE_UTILS)()

    def vanish_twice() -> None:
        vanish()
        worker.reply(worker.take(Queue.SEGMENTATION), {"image_id": ID, "masks": 3})
        vanish()

    assert asked(fastsam, vanish_once, json=CLICK).status_code == 200
    answer = asked(fastsam, vanish_twice, json=CLICK)
    assert (answer.status_code, answer.json()["code"]) == (409, "result_not_ready")
    assert worker.queued() == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [(ErrorCode.NOTHING_FOUND, 422), (ErrorCode.PROMPT_OUTSIDE, 422), (ErrorCode.REQUEST_CANCELLED, 409)],
)
def test_a_failure_is_the_worker_s_own(client: httpx.Client, worker: FakeWorker, code: ErrorCode, status: int) -> None:
    """What the task raised is the answer, with its code and sentence."""

    def fail() -> None:
        worker.reply_with_error(worker.take(Queue.SEGMENTATION), code)

    answer = asked(client, fail, json=CLICK)
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (status, code, "A sentence.")


@pytest.mark.parametrize("engine", list(SegmenterName))
def test_a_sleeping_pool_is_told_and_finds_the_photo(
    make_server: MakeServer, worker: FakeWorker, engine: SegmenterName
) -> None:
    """The wait ends with 503 and a sentence on the pool; the segmentation lives on, a click itself does not."""
    with make_server(segmentation_engine=engine, utility_wait_seconds=0.2) as client:
        answer = client.post(ROUTE, json=CLICK)
    assert (answer.status_code, answer.json()["code"]) == (503, "wait_expired")
    assert "The segmentation pool is asleep; a machine is being started." in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 3
    message = worker.take(Queue.SEGMENTATION)
    assert (seconds_left(message) > 300) == (engine is SegmenterName.FASTSAM)
    assert message.task == (SEGMENT_TASK if engine is SegmenterName.FASTSAM else SMART_MASK_TASK)


def test_a_loading_pool_says_what_it_loads(make_server: MakeServer, worker: FakeWorker) -> None:
    """Who waited for a pool that starts learns how far it is; a busy one is just busy."""
    with make_server(utility_wait_seconds=0.2) as client:
        worker.announce("t4", "segmentation", "loading", message="Loading FastSAM")
        answer = client.post(ROUTE, json=CLICK)
        assert "The segmentation pool is starting: Loading FastSAM." in answer.json()["detail"]
        worker.announce("t4", "segmentation", "busy", active=1)
        wait_for(
            lambda: "No worker finished this" in client.post(ROUTE, json=CLICK).json()["detail"], "the state to be seen"
        )


def test_a_full_queue_turns_clicks_away(make_server: MakeServer, worker: FakeWorker) -> None:
    """At the limit of the segmentation queue a first click is queue_full; a click that needs no other queue goes on."""
    with make_server(segmentation_engine=SegmenterName.FASTSAM, max_waiting_photos=1, utility_wait_seconds=5) as client:
        client.post("/api/images?prefetch=masks", content=picture(colour="red"), headers=JPEG)

        def depth() -> int:
            return int(client.get("/api/system/health").json()["services"]["segmentation"]["queue_depth"])

        wait_for(lambda: depth() == 1, "a full queue")
        refused = client.post(ROUTE, json=CLICK)
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")
        worker.tell_segmenter(KEY)
        worker.store.put_derived(ID, KEY, b"masks")
        assert asked(client, Resolved(worker, Queue.IMAGE_UTILS), json=CLICK).status_code == 200
    assert lengths(worker)[Queue.SEGMENTATION] == 1


def test_another_owner_s_photo_is_unknown(fastsam: httpx.Client, worker: FakeWorker) -> None:
    """Whoever did not put a photo gets nothing of its masks, also where they are stored."""
    kept = worker.store.put(picture(colour="navy"), owner="somebody")
    worker.tell_segmenter(KEY)
    worker.store.put_derived(kept.id, KEY, b"masks")
    for fields in ({"image_id": kept.id}, {"image": kept.id}):
        answer = fastsam.post(ROUTE, json={**fields, "points": [[1, 2]]})
        assert (answer.status_code, answer.json()["code"]) == (404, "image_unknown")
    strokes = worker.store.put(mask(60, 40), owner="somebody")
    answer = fastsam.post(ROUTE, json={"image": text(PHOTO), "mask": strokes.id})
    assert (answer.status_code, answer.json()["code"]) == (404, "image_unknown")
    assert worker.queued() == 0


class Asking:
    """A click that waits in the background."""

    def __init__(self, url: str, **fields: Any) -> None:
        self.answer: httpx.Response | None = None
        self._url, self._fields = url, fields
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        self.answer = httpx.post(f"{self._url}{ROUTE}", json={**CLICK, **self._fields}, timeout=30)

    def refusal(self) -> tuple[int, str]:
        """Its answer's status and code."""
        self._thread.join(10)
        assert self.answer is not None, "no answer came"
        return self.answer.status_code, self.answer.json()["code"]


CANCELLED = (409, "request_cancelled")


def test_a_cancel_ends_the_wait_in_another_process_too(settings: GatewaySettings, worker: FakeWorker) -> None:
    """The cancel of a request is known by its own id alone; it answers 409 at once and its task finds the key."""
    patient = settings.model_copy(update={"reread_seconds": 30.0})
    with ExitStack() as stack:
        one, other = (stack.enter_context(serve(patient)) for _ in range(2))
        asking = Asking(one.url, request_id="mine")
        message = worker.take(Queue.SEGMENTATION)
        told = httpx.post(f"{other.url}{ROUTE}/cancel/mine").json()
        assert told == {"request_id": "mine", "status": "cancelled", "message": "The request is cancelled."}
        assert asking.refusal() == CANCELLED
        assert worker.broker.exists(cancelled_key("local", message.kwargs["request_id"]))
        assert 0 < int(worker.broker.ttl(cancelled_key("local", "mine"))) <= 600
        assert one.waiters() == 0
        again = httpx.post(f"{other.url}{ROUTE}/cancel/mine").json()
        assert again["status"] == "cancelled"


def test_a_cancel_that_nobody_published_is_found(server: Server, worker: FakeWorker) -> None:
    """A lost wake-up costs a moment: the key is looked for on a slow timer."""
    asking = Asking(server.url, request_id="mine")
    worker.take(Queue.SEGMENTATION)
    worker.broker.set(cancelled_key("local", "mine"), 1)
    assert asking.refusal() == CANCELLED


def test_a_cancel_may_overtake_its_request(client: httpx.Client, worker: FakeWorker) -> None:
    """A request that comes after its cancel is refused before its photo is stored; another one is not."""
    assert client.post(f"{ROUTE}/cancel/early").json()["status"] == "cancelled"
    answer = client.post(ROUTE, json={**CLICK, "image": text(picture(colour="tan")), "request_id": "early"})
    assert (answer.status_code, answer.json()["code"]) == CANCELLED
    assert worker.queued() == 0
    assert not worker.store.exists(image_id(picture(colour="tan")))
    work = Resolved(worker, Queue.SEGMENTATION)
    assert asked(client, work, json={**CLICK, "request_id": "other"}).status_code == 200


def test_a_request_that_ended_stays_as_it_is(client: httpx.Client, worker: FakeWorker) -> None:
    """A late cancel tells how the request ended; its id may be used again, and is then cancelled as any other."""
    asked(client, Resolved(worker, Queue.SEGMENTATION), json={**CLICK, "request_id": "mine"})
    late = client.post(f"{ROUTE}/cancel/mine").json()
    assert (late["status"], late["message"]) == ("done", "The request had ended before: done.")

    def fail() -> None:
        worker.reply_with_error(worker.take(Queue.SEGMENTATION), ErrorCode.NOTHING_FOUND)

    assert asked(client, fail, json={**CLICK, "request_id": "mine"}).status_code == 422
    assert client.post(f"{ROUTE}/cancel/mine").json()["status"] == "error"
    asking = Asking(str(client.base_url).rstrip("/"), request_id="mine")
    worker.take(Queue.SEGMENTATION)
    assert client.post(f"{ROUTE}/cancel/mine").json()["status"] == "cancelled"
    assert asking.refusal() == CANCELLED


def test_a_client_that_leaves_cancels_its_request(server: Server, worker: FakeWorker) -> None:
    """The tasks of a closed connection find it cancelled, and nobody waits for them."""
    with httpx.Client(base_url=server.url, timeout=0.5) as client, pytest.raises(httpx.ReadTimeout):
        client.post(ROUTE, json=CLICK)
    message = worker.take(Queue.SEGMENTATION)
    wait_for(lambda: worker.broker.exists(cancelled_key("local", message.kwargs["request_id"])), "the cancel")
    wait_for(lambda: server.waiters() == 0, "the waiters to go")


def test_many_clicks_wait_at_once_and_others_are_served(server: Server, worker: FakeWorker) -> None:
    """40 clicks that wait hold no thread: the gateway answers others meanwhile, and leaves no waiter."""
    askings = [Asking(server.url, request_id=f"click-{number}") for number in range(40)]
    messages = [worker.take(Queue.SEGMENTATION) for _ in askings]
    assert httpx.get(f"{server.url}/api/health", timeout=2).status_code == 200
    assert httpx.post(f"{server.url}/api/images", content=PHOTO, headers=JPEG, timeout=2).status_code == 201
    for message in messages[::2]:
        worker.reply_with_mask(message, FOUND)
    for message in messages[1::2]:
        httpx.post(f"{server.url}{ROUTE}/cancel/{message.kwargs['request_id']}")
    for asking in askings:
        asking._thread.join(10)
    statuses = sorted(asking.answer.status_code for asking in askings if asking.answer)
    assert statuses == [200] * 20 + [409] * 20
    assert server.waiters() == 0
