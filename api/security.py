"""What wraps every request: its id, its log line, security headers, CORS, who may connect, and the limits of its body.

All of these are plain ASGI: Starlette's ``BaseHTTPMiddleware`` hides a client's disconnect from streams.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from fastapi import FastAPI, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.loopback import is_local, is_loopback_name
from api.problems import UnexpectedErrors, problem_response
from api.room import Room
from api.settings import GatewaySettings
from tasks import tracing
from tasks.app import app as celery
from tasks.errors import AccessError, ErrorCode, InputError
from tasks.keys import AccessMode
from tasks.messages import REQUEST_ID

log = structlog.get_logger(__name__)

REQUEST_ID_HEADER = "X-Request-ID"
ANSWER_HEADERS = "darkroom.answer_headers"
"""Where a request's scope keeps headers for its answer, whatever that will be."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
"""What a client may choose as its id: it goes to logs and message headers as it is."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    # A page of another site may show images that it was given; whether it may read anything is for CORS to say.
    "Cross-Origin-Resource-Policy": "cross-origin",
}
IMAGE_HEADERS = ("X-Image-ID", "X-Mask-ID", "X-Mask-Request-ID")
"""Ids that come with an image's bytes."""
_READABLE_HEADERS = ("Location", "Retry-After", "ETag", "RateLimit", "RateLimit-Policy", "WWW-Authenticate")
API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Of whatever is no page: an uploaded image that is opened as one can run nothing. Pages say their own."""
DOCUMENTATION_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Of /docs: nothing from elsewhere, and nothing goes there. That page starts itself by a script that stands in it."""
PROBED = frozenset({"/api/health", "/api/health/live", "/api/health/ready", "/metrics"})
"""Asked by machines every few seconds: a line about each would bury the others."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def install(app: FastAPI, settings: GatewaySettings) -> None:
    """Wrap an app. The last one added is the outermost."""
    app.add_middleware(Room, max_bytes=settings.max_held_bytes)
    if settings.access is AccessMode.OPEN:
        app.add_middleware(LocalOnly, origins=settings.cors_origins)
    pace = Pace(settings.slow_seconds, settings.slow_bytes_per_second)
    app.add_middleware(
        BodyLimit, max_bytes=settings.max_body_bytes, drain_seconds=settings.body_drain_seconds, pace=pace
    )
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=[REQUEST_ID_HEADER, *_READABLE_HEADERS, *IMAGE_HEADERS],
        max_age=600,
    )
    app.add_middleware(RequestContext)


class RequestContext:
    """Gives a request its id, in the log and in the response, and writes the one line about its outcome."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        status = 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(scope.get(ANSWER_HEADERS, {}))
                _add_headers(headers, request_id, scope["path"])
            await send(message)

        started = time.monotonic()
        tracing.carry(celery.tracing.traceparent())
        celery.tracing.note(darkroom_request_id=request_id)
        ids = {REQUEST_ID: request_id, **tracing.log_fields(tracing.carried())}
        with structlog.contextvars.bound_contextvars(**ids):
            try:
                await self.app(scope, receive, named)
            finally:
                _log_outcome(scope, status, time.monotonic() - started)


class LocalOnly:
    """While no keys are asked for: lets in who connects from this machine to this machine, and nobody else.

    A page of another site can have a browser here send requests too. One that reaches this address under a name of
    its own (DNS rebinding) is told by that name; one that posts a form, which asks for no permission, by its origin.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self.app = app
        self.origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http":
            error = self._refusal(scope)
            if error is not None:
                await problem_response(error, Request(scope))(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> AccessError | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_local(scope.get("server"), scope.get("client")):
            return AccessError(
                ErrorCode.HOST_REFUSED,
                "Without API keys this gateway serves its own machine only (DARKROOM_ACCESS, `darkroom keys create`).",
            )
        if not is_loopback_name(_host_name(host)):
            return AccessError(
                ErrorCode.HOST_REFUSED,
                f"Without API keys this gateway answers on loopback names only, not on {host[:80] or 'none'}.",
            )
        if scope["method"] not in _SAFE_METHODS and origin is not None and not self._is_ours(origin, host):
            return AccessError(
                ErrorCode.ORIGIN_REFUSED, f"Pages of {origin[:80]} may not call this gateway (DARKROOM_CORS_ORIGINS)."
            )
        return None

    def _is_ours(self, origin: str, host: str) -> bool:
        return origin in self.origins or origin.partition("://")[2] == host


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port and brackets."""
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.removesuffix(".")


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a client may be."""

    seconds: float
    """Granted to everybody."""
    bytes_per_second: int
    """What it has to send after that, on average."""

    def patience(self, read: int, waited: float) -> float:
        """Return how many more seconds to wait for a client that was waited for so long and has sent so much."""
        return self.seconds + read / self.bytes_per_second - waited


class BodyLimit:
    """Refuses bodies over the limit, told by their length or counted while they come in, and those that drip.

    A client that still sends reads no answer, and closing the connection would lose it. So where an answer is given
    before the body is read, the rest of the body is dropped for a moment between the answer's text and its end.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, drain_seconds: float, pace: Pace) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.drain_seconds = drain_seconds
        self.pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        declared = headers.get("content-length", "")
        if declared in {"", "0"} and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        counted = _CountedBody(self, receive, send)
        if declared.isascii() and declared.isdigit() and int(declared) > self.max_bytes:
            await problem_response(self.error(), Request(scope))(scope, receive, counted.send)
            return
        await self.app(scope, counted.receive, counted.send)

    def error(self) -> InputError:
        """Build the error of a body that is too large."""
        limit = f"{self.max_bytes / 1e6:g} MB"
        return InputError(ErrorCode.BODY_TOO_LARGE, f"The body is larger than {limit}; send a smaller image.")


class _CountedBody:
    """The channels of one request with a body."""

    def __init__(self, limit: BodyLimit, receive: Receive, send: Send) -> None:
        self._limit = limit
        self._receive = receive
        self._send = send
        self._read = 0
        self._waited = 0.0
        self._ended = False

    async def receive(self) -> Message:
        message = await (self._receive() if self._ended else self._next())
        self._read += len(message.get("body", b""))
        self._ended = not message.get("more_body")
        if self._read > self._limit.max_bytes:
            raise self._limit.error()
        return message

    async def _next(self) -> Message:
        asked = time.monotonic()
        try:
            async with asyncio.timeout(self._limit.pace.patience(self._read, self._waited)):
                return await self._receive()
        except TimeoutError:
            raise InputError(
                ErrorCode.REQUEST_TIMEOUT,
                f"The body came too slowly: {self._read} bytes in {self._waited + time.monotonic() - asked:.0f} s; "
                "send it again over a better line.",
            ) from None
        finally:
            self._waited += time.monotonic() - asked

    async def send(self, message: Message) -> None:
        if self._ended:
            await self._send(message)
        elif message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
            await self._send(message)
        elif message.get("more_body"):
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await self._drain()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self._limit.drain_seconds):
                while (await self._receive()).get("more_body"):
                    pass
        except TimeoutError:
            log.info("http.body_not_drained")


def _request_id(headers: Headers) -> str:
    given = headers.get(REQUEST_ID_HEADER, "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def _add_headers(headers: MutableHeaders, request_id: str, path: str) -> None:
    headers[REQUEST_ID_HEADER] = request_id
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", DOCUMENTATION_POLICY if path.startswith("/docs") else API_POLICY)


def _log_outcome(scope: Scope, status: int, seconds: float) -> None:
    write = log.debug if scope["path"] in PROBED else log.info
    write(
        "http.request",
        method=scope["method"],
        path=scope["path"],
        # 0: the client left before there was an answer.
        status=status,
        seconds=round(seconds, 4),
        **({"code": str(scope["problem_code"])} if "problem_code" in scope else {}),
    )
