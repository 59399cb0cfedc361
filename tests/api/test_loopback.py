"""Without keys, nobody but this machine."""

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from api.app import build
from api.loopback import is_local, is_loopback_name
from api.settings import GatewaySettings
from tasks.keys import AccessMode


@pytest.mark.parametrize("name", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "localhost", "A.localhost"])
def test_names_of_this_machine(name: str) -> None:
    """Loopback in each of its spellings."""
    assert is_loopback_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "localhost.example", "127.0.0.1.nip.io", "2130706433"],  # noqa: S104 - a name
)
def test_names_that_only_look_like_it(name: str) -> None:
    """Every address, a private one, and names that a resolver can lead anywhere are not loopback."""
    assert not is_loopback_name(name)


@pytest.mark.parametrize(
    ("server", "client", "local"),
    [
        (("127.0.0.1", 8000), ("127.0.0.1", 5), True),
        (("::1", 8000), ("::1", 5), True),
        (("/run/darkroom.sock", None), None, True),
        (("192.0.2.1", 8000), ("127.0.0.1", 5), False),
        (("192.0.2.1", 8000), ("192.0.2.1", 5), False),
        (("127.0.0.1", 8000), ("203.0.113.7", 0), False),
        (("/run/darkroom.sock", None), ("203.0.113.7", 0), False),
        (("127.0.0.1", 8000), None, False),
        (None, None, False),
    ],
)
def test_both_ends_have_to_be_here(server: Any, client: Any, local: bool) -> None:
    """A connection counts as local only where that is sure; a proxy's word about its client counts against it."""
    assert is_local(server, client) is local


@pytest.mark.parametrize(("mode", "status"), [(AccessMode.OPEN, 403), (AccessMode.KEYS, 401)])
def test_the_app_itself_refuses_whatever_started_it(mode: AccessMode, status: int) -> None:
    """A connection that came in at another address is refused without keys, by the app and not by its start."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/nowhere" if mode is AccessMode.OPEN else "/api/system/health",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "server": ("192.0.2.1", 8000),
        "client": ("192.0.2.9", 5),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        app = build(GatewaySettings(access=mode, redis_url="redis://127.0.0.1:1/0"))
        async with app.router.lifespan_context(app) as state:
            await app({**scope, "state": dict(state or {})}, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == status


def test_a_page_of_another_site_gets_nowhere(client: httpx.Client) -> None:
    """Under a name of its own, from an origin that is not allowed, or through a proxy: refused, with a code."""
    refusals = [
        ({"host": "rebound.example"}, "host_refused"),
        ({"host": "127.0.0.1.nip.io:8000"}, "host_refused"),
        ({"x-forwarded-for": "203.0.113.7"}, "host_refused"),
        ({"origin": "https://elsewhere.example"}, "origin_refused"),
        ({"origin": "null"}, "origin_refused"),
    ]
    for headers, code in refusals:
        answer = client.post("/api/generate/async/cancel/x", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, code), headers
    for own in (str(client.base_url).rstrip("/"), "http://localhost:3000"):
        assert client.post("/api/generate/async/cancel/x", headers={"origin": own}).status_code == 404
    assert client.get("/api/health", headers={"origin": "https://elsewhere.example"}).is_success


def test_not_every_origin_is_allowed_without_keys() -> None:
    """The one setting that would open a local gateway to every page is refused at the start."""
    with pytest.raises(ValidationError, match="DARKROOM_ACCESS"):
        GatewaySettings(cors_origins=("*",))
    assert GatewaySettings(cors_origins=("*",), access=AccessMode.KEYS).cors_origins == ("*",)


def test_a_page_may_send_a_key_and_read_its_limits(client: httpx.Client) -> None:
    """The preflight of an allowed origin lets the key's header through, and answers show what a client goes by."""
    page = {"origin": "http://localhost:3000"}
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-api-key"}
    preflight = client.options("/api/generate", headers={**page, **asked})
    assert preflight.is_success
    assert "x-api-key" in preflight.headers["access-control-allow-headers"]
    exposed = client.get("/api/health", headers=page).headers["access-control-expose-headers"]
    assert all(name in exposed for name in ("Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate"))


def test_pages_load_nothing_from_elsewhere(client: httpx.Client) -> None:
    """The documentation page has a policy of its own; nothing may frame it."""
    policy = client.get("/docs").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
