"""Requests to servers that a client named, which reach public addresses only (``tasks.destinations``).

The guard sits where connections are made, below HTTP: a name is resolved once, every address that it has is checked,
and the socket goes to one of exactly these. A name server that answers differently a moment later (DNS rebinding) is
not asked again, and no redirect can pass by. TLS, its certificate and the Host header are those of the name. Proxies
of the environment are not used: they would do the resolving.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx

from tasks.destinations import Address, Destination, Policy, RefusedError

REDIRECTS_MAX = 3
"""A move of host, one to a trailing slash, and one to spare."""
_SAME_REQUEST = frozenset({307, 308})
"""Redirects that keep method and body; the others turn a POST into a GET, which delivers nothing."""

Lookup = Callable[[str, int], Sequence[Address]]


class UnreachableError(Exception):
    """There was no answer this time; the message says what happened."""


def addresses_of(host: str, port: int) -> Sequence[Address]:
    """Ask the system's resolver for a name's addresses. Raises ``OSError`` when it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request may take, in seconds: for each connection, and with its redirects for everything."""

    connect_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class Egress:
    """Sends requests to checked destinations. Safe to share between threads: each request has its own connection."""

    policy: Policy
    patience: Patience
    tls: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)
    lookup: Lookup = addresses_of

    def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> int:
        """Send a body and return the status of the answer, of which nothing else is read.

        A redirect that keeps the request (307, 308) is followed with the same headers and body, never from https to
        http. Raises ``RefusedError`` where the URL or a redirect leads to what must not be reached,
        ``UnreachableError`` where no answer came.
        """
        deadline = _Deadline(self.patience.total_seconds)
        destination = self.policy.destination(url)
        for _ in range(1 + REDIRECTS_MAX):
            status, location = self._exchange(destination, headers, body, deadline)
            if status not in _SAME_REQUEST or not location:
                return status
            destination = self._redirected(destination, location)
        raise UnreachableError(f"There were over {REDIRECTS_MAX} redirects.")

    def _exchange(
        self, destination: Destination, headers: Sequence[tuple[str, str]], body: bytes, deadline: "_Deadline"
    ) -> tuple[int, str]:
        backend = _GuardedBackend(self, destination, deadline)
        url = httpcore.URL(
            scheme=destination.url.raw_scheme,
            host=destination.host,
            port=destination.port,
            target=destination.url.raw_path,
        )
        sent = [("Host", _host_header(destination)), ("Connection", "close"), *headers]
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self.tls, network_backend=backend) as pool,
                # Left without reading the body: the connection is closed, however much would follow.
                pool.stream("POST", url, headers=sent, content=body) as answer,
            ):
                return answer.status, _header(answer, b"location")
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise UnreachableError(f"{type(error).__name__}: {error}".removesuffix(": ")) from error

    def _redirected(self, from_: Destination, location: str) -> Destination:
        try:
            url = str(from_.url.join(location))
        except (httpx.InvalidURL, ValueError) as error:
            raise RefusedError("A redirect leads to no URL.") from error
        to = self.policy.destination(url)
        if from_.tls and not to.tls:
            raise RefusedError("A redirect leads from https to http.")
        return to


class _Deadline:
    """The end of a request, whatever the other side does."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self, at_most: float | None = None) -> float:
        """Return the seconds left. Raises httpcore's ``ReadTimeout`` when there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer took too long")
        return left if at_most is None else min(left, at_most)


class _GuardedBackend(httpcore.NetworkBackend):
    """Makes the connections of one request to one destination."""

    def __init__(self, egress: Egress, destination: Destination, deadline: _Deadline) -> None:
        self._egress = egress
        self._destination = destination
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that takes the connection, once all of them are known to be allowed."""
        addresses = _looked_up(self._egress.lookup, host, port, self._deadline.left())
        for address in addresses:
            self._egress.policy.require(self._destination, address)
        *others, last = addresses
        for address in others:
            try:
                return self._connected(address)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connected(last)

    def _connected(self, address: Address) -> httpcore.NetworkStream:
        seconds = self._deadline.left(self._egress.patience.connect_seconds)
        return _BoundedStream(
            self._sockets.connect_tcp(str(address), self._destination.port, timeout=seconds), self._deadline
        )


class _BoundedStream(httpcore.NetworkStream):
    """A stream whose reads together end at the deadline: a time-out of each alone would let drops of bytes go on."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come."""
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the stream inside TLS, with a certificate for the name."""
        return _BoundedStream(
            self._stream.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        """Tell what httpcore asks of the connection."""
        return self._stream.get_extra_info(info)


def _looked_up(lookup: Lookup, host: str, port: int, seconds: float) -> Sequence[Address]:
    """Look a name up. The resolver knows no time-out of ours; a thread that it holds is left to end by itself."""
    answers: queue.SimpleQueue[Sequence[Address] | OSError] = queue.SimpleQueue()

    def look() -> None:
        try:
            answers.put(lookup(host, port))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=look, name="lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty as error:
        raise httpcore.ConnectTimeout("the name server took too long") from error
    if isinstance(answer, OSError) or not answer:
        raise httpcore.ConnectError(f"{host} cannot be resolved")
    return answer


def _host_header(destination: Destination) -> str:
    return destination.url.netloc.decode("ascii")


def _header(answer: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in answer.headers if key.lower() == name), "")
