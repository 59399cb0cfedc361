"""Clients that take their time, over raw sockets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from tests.api.conftest import MakeServer
from tests.api.pictures import picture
from tests.api.workers import FakeWorker
from tests.lab import wait_for

HEAD = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n"
LIMITS = {"head_seconds": 0.5, "slow_seconds": 0.5, "body_drain_seconds": 0.1}


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    """A bare connection to the gateway."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=20) as raw:
        yield raw


@contextmanager
def dripping(raw: socket.socket, drop: bytes) -> Iterator[None]:
    """Send a drop every tenth of a second until the block ends, or nobody takes it any more."""
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.1):
            try:
                raw.sendall(drop)
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def until_closed(raw: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    try:
        return b"".join(iter(lambda: raw.recv(65536), b""))
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("first", [True, False], ids=["first request", "on a used connection"])
@pytest.mark.parametrize("drop", [b"X-Slow: yes\r\n", b"x"], ids=["headers", "letters"])
def test_headers_that_drip_are_cut_off(make_server: MakeServer, first: bool, drop: bytes) -> None:
    """A request whose headers do not end is answered 408 in time, however busily it sends."""
    with make_server(**LIMITS) as client, connected(client) as raw:
        if not first:
            raw.sendall(HEAD + b"\r\n")
            assert raw.recv(65536).startswith(b"HTTP/1.1 200")
        raw.sendall(HEAD)
        with dripping(raw, drop):
            answer = raw.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"request_timeout" in answer


@pytest.mark.parametrize("piece", [b"X-Long: yes\r\n", b"x"], ids=["many", "one"])
def test_headers_without_end_are_cut_off(client: httpx.Client, piece: bytes) -> None:
    """They are refused once they have 64 KiB, however quickly they come; nobody's memory is filled with them."""
    with connected(client) as raw:
        raw.sendall(HEAD + b"X-Long: ")
        answer = b""
        with suppress(OSError):
            for _ in range(200):
                raw.sendall(piece * (10_000 // len(piece)))
        answer = until_closed(raw)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert client.get("/api/health").status_code == 200


def test_a_connection_without_a_request_is_closed_in_silence(make_server: MakeServer) -> None:
    """Browsers open connections ahead of need: there is nothing to answer."""
    with make_server(**LIMITS) as client, connected(client) as raw:
        assert until_closed(raw) == b""


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_drips_is_cut_off(make_server: MakeServer, worker: FakeWorker, chunked: bool) -> None:
    """A body far below the least speed ends in 408, with or without a length."""
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 1000000"
    with (
        make_server(**{**LIMITS, "body_drain_seconds": 5}, slow_bytes_per_second=10_000) as client,
        connected(client) as raw,
    ):
        raw.sendall(
            b"POST /api/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n" + length + b"\r\n\r\n"
        )
        with dripping(raw, b"1\r\nx\r\n" if chunked else b"x"):
            answer = raw.recv(65536)
            while b"request_timeout" not in answer:
                piece = raw.recv(65536)
                assert piece, answer
                answer += piece
        assert answer.startswith(b"HTTP/1.1 408")


def test_a_body_that_comes_slowly_but_comes_is_taken(make_server: MakeServer, worker: FakeWorker) -> None:
    """Longer than the patience with everybody, but faster than the least speed: the upload arrives."""
    photo = picture(600, 400)
    pieces = [photo[at : at + 512] for at in range(0, len(photo), 512)]

    def slowly() -> Iterator[bytes]:
        for piece in pieces:
            threading.Event().wait(1.6 / len(pieces))
            yield piece

    with make_server(slow_seconds=1, slow_bytes_per_second=len(photo) // 8) as client:
        answer = client.post("/api/images", content=slowly(), headers={"content-type": "image/jpeg"})
    assert answer.status_code == 201
    assert answer.elapsed.total_seconds() > 1


def test_a_client_that_does_not_take_its_answer_is_cut_off(make_server: MakeServer, worker: FakeWorker) -> None:
    """An answer of megabytes that nobody reads frees its connection; one that is read slowly arrives whole."""
    photo = picture(image_format="PNG") + bytes(8_000_000)
    with make_server(**LIMITS, slow_bytes_per_second=1_000_000) as client:
        image = client.post("/api/images", content=photo, headers={"content-type": "image/png"}).json()["image_id"]
        request = f"GET /api/images/{image} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        with connected(client) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.sendall(request)
            wait_for(lambda: is_cut(raw), "the gateway to give up", 15)
        with connected(client) as raw:
            raw.sendall(request)
            assert len(slowly_read(raw, seconds=1.5)) > len(photo)


def is_cut(raw: socket.socket) -> bool:
    """Whether the other side has reset the connection, without reading from it."""
    return raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\x01"


def slowly_read(raw: socket.socket, seconds: float) -> bytes:
    """Read megabytes with pauses, until the other side closes."""
    received = bytearray()
    started = time.monotonic()
    while piece := raw.recv(262_144):
        received += piece
        if time.monotonic() - started < seconds:
            threading.Event().wait(0.03)
    return bytes(received)


def test_connections_are_counted(make_server: MakeServer) -> None:
    """One connection too many is told so at once; when others end, there is room again."""
    with make_server(max_connections=3) as client:
        with connected(client), connected(client), connected(client), connected(client) as full:
            assert until_closed(full).startswith(b"HTTP/1.1 503")
        wait_for(lambda: serves(lambda: httpx.get(f"{client.base_url}/api/health")), "room again", 5)


def serves(ask: Callable[[], httpx.Response]) -> bool:
    """Whether a request is answered well."""
    try:
        return ask().is_success
    except httpx.HTTPError:
        return False
