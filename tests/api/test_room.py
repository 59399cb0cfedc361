"""A gateway's memory has a bound, however many large bodies come together."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from api.room import SMALL_BYTES
from api.settings import GatewaySettings
from tests.api.conftest import MakeServer
from tests.api.pictures import mask, picture
from tests.api.workers import FakeWorker, meanwhile
from tests.lab import wait_for

ROOM = 1_000_000
PNG = {"Content-Type": "image/png"}
LARGE = picture(image_format="PNG") + bytes(ROOM // 2 + SMALL_BYTES)


@contextmanager
def half_sent(client: httpx.Client, count: int) -> Iterator[socket.socket]:
    """A request of which so many bytes of a larger body have been sent."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10) as raw:
        raw.sendall(b"POST /api/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n")
        raw.sendall(b"Content-Length: %d\r\n\r\n" % (2 * count) + bytes(count))
        yield raw


def refusal(client: httpx.Client) -> httpx.Response | None:
    """Upload something large; return the answer if there was no room."""
    answer = client.post("/api/images", content=LARGE, headers=PNG)
    return answer if answer.status_code == 503 else None


def refusal_beside(client: httpx.Client, count: int) -> httpx.Response | None:
    """Upload something large beside a body that holds so much, unless that one was the one to find no room."""
    with half_sent(client, count):
        return refusal(client)


def test_a_large_body_waits_outside_while_others_fill_the_room(make_server: MakeServer) -> None:
    """While a part of a body is held another large one is queue_full with Retry-After; once it is gone, no more."""
    with make_server(max_held_bytes=ROOM, body_drain_seconds=0.1) as client:
        assert client.post("/api/images", content=LARGE, headers=PNG).status_code == 201
        refused = wait_for(lambda: refusal_beside(client, ROOM * 3 // 4), "a full room")
        assert refused.json()["code"] == "queue_full"
        assert int(refused.headers["Retry-After"]) > 0
        wait_for(lambda: refusal(client) is None, "room")


def test_a_small_body_always_finds_room(make_server: MakeServer) -> None:
    """What names its pictures by id, and a small picture, are taken while the room is full."""

    def beside(client: httpx.Client) -> httpx.Response | None:
        with half_sent(client, ROOM - 1000):
            return client.post("/api/images", content=picture(), headers=PNG) if refusal(client) else None

    with make_server(max_held_bytes=ROOM, body_drain_seconds=0.1) as client:
        assert wait_for(lambda: beside(client), "a full room").status_code == 201


def test_a_body_is_let_go_of_before_its_request_ends(make_server: MakeServer, worker: FakeWorker) -> None:
    """While a utility is computed, its photo takes no room any more."""
    with make_server(max_held_bytes=ROOM, body_drain_seconds=0.1) as client:

        def upload_meanwhile() -> None:
            message = worker.take()
            assert client.post("/api/images", content=LARGE, headers=PNG).status_code == 201
            worker.reply_with(message, picture())

        with meanwhile(upload_meanwhile):
            answer = httpx.post(client.base_url.join("/api/image-utils/canny"), content=LARGE, headers=PNG, timeout=30)
        assert answer.status_code == 200


def test_many_at_once_leave_nothing_behind(make_server: MakeServer) -> None:
    """After a crowd of large bodies, taken and refused, there is as much room as before."""
    with make_server(max_held_bytes=ROOM, body_drain_seconds=0.1) as client:
        statuses: list[int] = []

        def upload() -> None:
            statuses.append(httpx.post(client.base_url.join("/api/images"), content=LARGE, headers=PNG).status_code)

        threads = [threading.Thread(target=upload) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(statuses) <= {201, 503}
        assert client.post("/api/images", content=LARGE, headers=PNG).status_code == 201


@pytest.mark.parametrize(("most", "status"), [(10_000, 422), (9_000, 200)])
def test_a_large_mask_is_left_to_the_workers(make_server: MakeServer, most: int, status: int) -> None:
    """A mask beyond the limit is not decoded here: whether it is blank is for the job to find out."""
    black = picture(image_format="PNG", colour="black")
    files = {"image": picture(), "mask": black}
    with make_server(max_checked_mask_pixels=most) as client:
        answer = client.post("/api/generate/async", files=files, data={"task_type": "removal"})
        assert answer.status_code == status
        assert client.post(
            "/api/generate/async", files={**files, "mask": mask()}, data={"task_type": "removal"}
        ).is_success


def test_a_room_that_is_too_small_for_any_body_is_refused() -> None:
    """Otherwise the longest body would be told to come back for ever."""
    with pytest.raises(ValueError, match="DARKROOM_MAX_HELD_BYTES"):
        GatewaySettings(max_body_bytes=10, max_held_bytes=9)
