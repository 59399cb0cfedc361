"""A client that costs little: requests written ahead, over connections that stay open, in one thread.

On the machine that it shares with the servers an ordinary HTTP client costs as much as a small answer, for every side
alike, and so draws all ratios towards one.
"""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

from benchmarks.harness import percentile

END = b"\r\n\r\n"
NUMBER = b"NuMbEr00"
"""Where this stands in a request, each that is sent has eight hex digits of its own; base64 has all of them, too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one measurement came to."""

    per_second: float
    seconds: tuple[float, ...]
    """Of each request, from its first byte out to the last byte in."""

    @property
    def p50(self) -> float:
        """The median in seconds."""
        return percentile(self.seconds, 0.5)

    @property
    def p95(self) -> float:
        """Seconds."""
        return percentile(self.seconds, 0.95)


def request(method: str, url: str, body: bytes = b"", **headers: str) -> bytes:
    """Write a request; ``content_type="image/jpeg"`` becomes the header Content-Type."""
    address = urlsplit(url)
    path = address.path + (f"?{address.query}" if address.query else "")
    named = {"Host": address.netloc, "Content-Length": str(len(body))}
    named |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join(lines).encode() + END + body


class Connection:
    """One connection to a server."""

    def __init__(self, url: str, seconds: float = 60) -> None:
        """Connect."""
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._room = bytearray(1 << 20)

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()

    def ask(self, *request: bytes) -> tuple[int, bytes, int]:
        """Send a request's parts; return status, headers and how long the body was, which is read and dropped."""
        for part in request:
            self._socket.sendall(part)
        read = b""
        while END not in read:
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionError("The server hung up.")
            read += piece
        head, _, begun = read.partition(END)
        length = self._body(head.lower(), begun)
        return int(head[9:12]), head, length

    def body(self, request: bytes) -> bytes:
        """Send a request; return the body of its answer, which has to say its length."""
        self._socket.sendall(request)
        with self._socket.makefile("rb") as answer:
            status = answer.readline()
            length = 0
            while (line := answer.readline()) not in {b"\r\n", b""}:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            body = answer.read(length)
        if not status.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{status!r} {body[:300]!r}")
        return body

    def _body(self, head: bytes, begun: bytes) -> int:
        if b"content-length:" in head:
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            missing = length - len(begun)
            while missing > 0:
                missing -= self._received()
            return length
        if b"chunked" in head:
            tail, length = begun[-5:], len(begun)
            while not tail.endswith(b"0\r\n\r\n"):
                got = self._received()
                length += got
                tail = (tail + self._room[:got])[-5:]
            return length
        return 0

    def _received(self) -> int:
        got = self._socket.recv_into(self._room)
        if not got:
            raise ConnectionError("The server hung up.")
        return got


def run(url: str, request: bytes, *, in_flight: int, seconds: float, expect: int = 200) -> Outcome:
    """Send a request again and again over so many connections for some seconds."""
    took: list[float] = []
    before, mark, after = request.rpartition(NUMBER)
    numbers = count(time.time_ns() % 2**31)
    until = time.perf_counter() + seconds

    def client() -> None:
        connection = Connection(url)
        try:
            while (began := time.perf_counter()) < until:
                number = b"%08x" % next(numbers) if mark else b""
                status, _, _ = connection.ask(before, number + after)
                if status != expect:
                    raise RuntimeError(f"{url} answered {status}")
                took.append(time.perf_counter() - began)
        finally:
            connection.close()

    began = time.perf_counter()
    _together(client, in_flight)
    return Outcome(len(took) / (time.perf_counter() - began), tuple(took))


def _together(client: Callable[[], None], count: int) -> None:
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            client()
        except (OSError, RuntimeError, ValueError) as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failures:
        raise failures[0]
