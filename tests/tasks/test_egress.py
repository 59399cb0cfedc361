import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

import pytest
import trustme

from tasks.destinations import Address, Policy, RefusedError
from tasks.egress import Egress, Lookup, Patience, UnreachableError
from tests.receivers import raw_server, receiver

LOOPBACK = Policy([ip_network("127.0.0.1/32")])
"""One address only: its neighbours on loopback are private ones that nobody allowed."""
NAME = "receiver.example.org"
HEADERS = [("Content-Type", "application/json"), ("webhook-signature", "v1,abc")]


class Names:
    """A name server that gives the prepared answers in turn, and the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ip_address(address) for address in answer]


HERE = Names(["127.0.0.1"])


def way_out(
    lookup: Lookup = HERE, *, policy: Policy = LOOPBACK, total: float = 5, ca: trustme.CA | None = None
) -> Egress:
    """An egress with a name server of ours."""
    context = ssl.create_default_context()
    if ca is not None:
        ca.configure_trust(context)
    return Egress(policy, Patience(2, total), context, lookup)


def test_a_body_arrives_as_it_was_sent() -> None:
    """Path, headers, Host and body; the answer's status comes back."""
    with receiver((202, {})) as server:
        assert way_out().post(server.url("/hook?a=1", NAME), HEADERS, b"{}") == 202
    (request,) = server.received
    assert (request.path, request.body) == ("/hook?a=1", "{}")
    assert request.headers["host"] == f"{NAME}:{server.port}"
    assert request.headers["webhook-signature"] == "v1,abc"


def test_the_certificate_has_to_be_for_the_name() -> None:
    """Though the socket goes to an address, TLS asks for the name and takes nobody else's certificate."""
    ca = trustme.CA()
    asked: list[str | None] = []
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(NAME).configure_cert(served)
    served.sni_callback = lambda _socket, name, _context: asked.append(name)
    with receiver(tls=served) as server:
        assert way_out(ca=ca).post(server.url(host=NAME, scheme="https"), HEADERS, b"{}") == 200
        with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            way_out(ca=ca).post(server.url(host="other.example.org", scheme="https"), HEADERS, b"{}")
        with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            way_out().post(server.url(host=NAME, scheme="https"), HEADERS, b"{}")
    assert asked == [NAME, "other.example.org", NAME]
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "addresses", [["10.0.0.5"], ["8.8.8.8", "10.0.0.5"], ["::1"], ["169.254.169.254"], ["fe80::1"]]
)
def test_a_name_with_any_private_address_is_refused(addresses: list[str]) -> None:
    """What a name resolves to decides, and one bad address among good ones is enough; nothing is connected to."""
    with pytest.raises(RefusedError):
        way_out(Names(addresses), policy=Policy()).post(f"https://{NAME}/", HEADERS, b"{}")


def test_a_name_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers with a private address the second time is not asked a second time."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    resolved: list[str] = []
    system = socket.getaddrinfo

    def watched(host: str, *arguments: object, **options: object) -> object:
        resolved.append(host)
        return system(host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    with receiver() as server:
        assert way_out(names).post(server.url(host=NAME), HEADERS, b"{}") == 200
    assert names.asked == [NAME]
    assert NAME not in resolved


def test_another_address_is_tried_when_one_is_dead() -> None:
    """A name with two addresses is reached through the one that answers."""
    both = Policy([ip_network("127.0.0.0/8")])
    with receiver() as server:
        lookup = Names(["127.0.0.2", "127.0.0.1"])
        assert way_out(lookup, policy=both).post(server.url(host=NAME), HEADERS, b"{}") == 200


def test_a_redirect_that_keeps_the_request_is_followed() -> None:
    """307 and 308 lead to the same request with the same signature; the others would make a GET of it."""
    with receiver((307, {"Location": "/second"}), (308, {"Location": "third"}), (302, {"Location": "/no"})) as server:
        assert way_out().post(server.url("/first"), HEADERS, b"{}") == 302
    assert [request.path for request in server.received] == ["/first", "/second", "/third"]
    assert {(request.body, request.headers["webhook-signature"]) for request in server.received} == {("{}", "v1,abc")}


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.2:{port}/", "http://10.0.0.1/", "https://[::1]/", "//2130706434:{port}/", "http://0x7f.2/"),
        *("http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "https://user:word@127.0.0.1/", "http://["),
    ],
)
def test_a_redirect_to_what_is_not_allowed_is_refused(location: str) -> None:
    """A redirect passes the same check as the first URL."""
    with receiver() as server:
        server.answers.append((307, {"Location": location.format(port=server.port)}))
        with pytest.raises(RefusedError):
            way_out().post(server.url(), HEADERS, b"{}")
    assert len(server.received) == 1


def test_a_redirect_to_a_name_is_resolved_and_checked() -> None:
    """A name in a redirect gets no more trust than the first one."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    with receiver((307, {"Location": "http://inside.example.org/"})) as server, pytest.raises(RefusedError):
        way_out(names).post(server.url(host=NAME), HEADERS, b"{}")
    assert names.asked == [NAME, "inside.example.org"]


def test_a_redirect_never_leaves_https() -> None:
    """The message is not sent in the clear because a receiver says so."""
    ca = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(NAME).configure_cert(served)
    with (
        receiver() as plain,
        receiver((307, {"Location": plain.url()}), tls=served) as server,
        pytest.raises(RefusedError, match="https to http"),
    ):
        way_out(ca=ca).post(server.url(host=NAME, scheme="https"), HEADERS, b"{}")
    assert plain.received == []


def test_redirects_end() -> None:
    """A receiver that redirects for ever gets four requests."""
    with receiver(*[(307, {"Location": "/again"})] * 9) as server, pytest.raises(UnreachableError, match="redirects"):
        way_out().post(server.url(), HEADERS, b"{}")
    assert len(server.received) == 4


def drip(connection: socket.socket) -> None:
    """Answer a byte at a time."""
    pause = threading.Event()
    for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 5000:
        connection.sendall(bytes([byte]))
        pause.wait(0.05)


def never_begin(connection: socket.socket) -> None:
    """Answer that an answer will come, for ever."""
    while True:
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)


def keep_silent(connection: socket.socket) -> None:
    """Read, and answer nothing."""
    while connection.recv(1000):
        pass


@pytest.mark.parametrize(
    ("serve", "scheme"), [(drip, "http"), (never_begin, "http"), (keep_silent, "http"), (keep_silent, "https")]
)
def test_a_receiver_that_does_not_come_to_an_end_is_cut(serve: Callable[[socket.socket], None], scheme: str) -> None:
    """Bytes that trickle, interim answers without end, silence, and the same in the handshake: one limit for all."""
    with raw_server(serve) as port:
        started = time.monotonic()
        with pytest.raises(UnreachableError):
            way_out(total=0.4).post(f"{scheme}://127.0.0.1:{port}/", HEADERS, b"{}")
        assert time.monotonic() - started < 5, "cut at its limit, not when the receiver ends"


def test_an_endless_body_is_not_read() -> None:
    """The status is all that is wanted: the connection is closed, whatever would follow."""
    sent: list[int] = []

    def serve(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent.append(connection.send(b"x" * 65_536))

    with raw_server(serve) as port:
        assert way_out().post(f"http://127.0.0.1:{port}/", HEADERS, b"{}") == 200
    assert sum(sent) < 20_000_000, "no more than what the sockets buffered"


def test_a_name_server_that_hangs_is_not_waited_for() -> None:
    """The look-up counts as part of the attempt."""
    over = threading.Event()

    def hang(host: str, port: int) -> Sequence[Address]:
        over.wait(30)
        return []

    with pytest.raises(UnreachableError, match="name server"):
        way_out(hang, total=0.2).post(f"http://{NAME}/", HEADERS, b"{}")
    over.set()


def test_a_name_without_addresses_is_unreachable() -> None:
    """A name that does not resolve may do so later: that is no refusal."""

    def unknown(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(UnreachableError, match=NAME):
        way_out(unknown).post(f"http://{NAME}/", HEADERS, b"{}")


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name itself."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with receiver() as server:
        assert way_out().post(server.url(host=NAME), HEADERS, b"{}") == 200
