"""What wraps every request: its id, its log line, security headers, CORS and the limit of its body.

All of these are plain ASGI: Starlette's ``BaseHTTPMiddleware`` hides a client's disconnect from streams.
"""

import asyncio
import re
import time
import uuid

import structlog
from fastapi import FastAPI, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import UnexpectedErrors, problem_response
from api.room import Room
from api.settings import GatewaySettings
from tasks.errors import ErrorCode, InputError
from tasks.messages import REQUEST_ID

log = structlog.get_logger(__name__)

REQUEST_ID_HEADER = "X-Request-ID"
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
API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Of everything under /api: an uploaded image that is opened as a page can run nothing."""


def install(app: FastAPI, settings: GatewaySettings) -> None:
    """Wrap an app. The last one added is the outermost."""
    app.add_middleware(Room, max_bytes=settings.max_held_bytes)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, drain_seconds=settings.body_drain_seconds)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=[REQUEST_ID_HEADER, "Location", "Retry-After", "ETag", *IMAGE_HEADERS],
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
                _add_headers(MutableHeaders(scope=message), request_id, scope["path"])
            await send(message)

        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(**{REQUEST_ID: request_id}):
            try:
                await self.app(scope, receive, named)
            finally:
                _log_outcome(scope, status, time.monotonic() - started)


class BodyLimit:
    """Refuses bodies over the limit, told by their length or counted while they come in.

    A client that still sends reads no answer, and closing the connection would lose it. So where an answer is given
    before the body is read, the rest of the body is dropped for a moment between the answer's text and its end.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, drain_seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.drain_seconds = drain_seconds

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
        self._ended = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        self._ended = not message.get("more_body")
        if self._read > self._limit.max_bytes:
            raise self._limit.error()
        return message

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
    if path.startswith("/api/"):
        headers.setdefault("Content-Security-Policy", API_POLICY)


def _log_outcome(scope: Scope, status: int, seconds: float) -> None:
    write = log.debug if scope["path"] == "/api/health" else log.info
    write(
        "http.request",
        method=scope["method"],
        path=scope["path"],
        # 0: the client left before there was an answer.
        status=status,
        seconds=round(seconds, 4),
        **({"code": str(scope["problem_code"])} if "problem_code" in scope else {}),
    )
