"""Connections as the gateway's server holds them: how many there may be, and how long a slow client is waited for.

uvicorn waits without end for a request's headers and for a client that does not take its answer; it is started with
``--http api.protocol:GatewayProtocol`` instead. How fast a body has to come is the business of ``api.security``.
"""

import asyncio
import socket
import struct
from typing import Any

import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from api.problems import MEDIA_TYPE, RETRY_SECONDS, problem_of
from tasks.errors import DarkroomError, ErrorCode, error_of

log = structlog.get_logger(__name__)

_NO_LINGER = struct.pack("ii", 1, 0)
_HEAD_BYTES = 65_536
"""Of a request's headers, as long as they have not all come; the parser itself knows no end."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Take the limits of the gateway that the app's lifespan has opened."""
        super().__init__(config, server_state, app_state, _loop)
        self._limits = app_state["gateway"].settings
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._has_begun = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Wait for a request, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections:
            log.warning("http.connections_full", connections=len(self.connections))
            self._end(error_of(ErrorCode.QUEUE_FULL, "The gateway has as many connections as it may; try again."))
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        super().connection_lost(exc)
        self._head_came()
        self._stop_watching()

    def data_received(self, data: bytes) -> None:
        """Take what came; the first byte of a request starts its clock."""
        self._has_begun = True
        if self._head_timer is None and not self._is_answering:
            self._await_head()
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self.send_400_response("The request's headers are longer than 64 KiB.")

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._head_came()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Watch a client that takes its answer too slowly for our buffers."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._stop_watching()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr] # None at first

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self._limits.head_seconds, self._head_is_late)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self._head_bytes = 0

    def _head_is_late(self) -> None:
        self._head_timer = None
        seconds = f"{self._limits.head_seconds:g}"
        if self._has_begun:
            log.info("http.head_late", seconds=self._limits.head_seconds)
            self._end(error_of(ErrorCode.REQUEST_TIMEOUT, f"The request's headers did not come within {seconds} s."))
        else:
            # A connection that was opened ahead of need; browsers do that, and an answer would be one to nothing.
            self.transport.close()

    def _end(self, error: DarkroomError) -> None:
        """Answer at once, before there is a request, and close."""
        if self.transport.is_closing():
            return
        problem = problem_of(error, "")
        body = problem.model_dump_json(exclude_none=True).encode()
        reason = {408: "Request Timeout", 503: "Service Unavailable"}[problem.status]
        lines = [
            f"HTTP/1.1 {problem.status} {reason}",
            f"Content-Type: {MEDIA_TYPE}",
            f"Content-Length: {len(body)}",
            *([f"Retry-After: {RETRY_SECONDS}"] if problem.status == 503 else []),
            "Connection: close",
            *("", ""),
        ]
        self.transport.write("\r\n".join(lines).encode() + body)
        self.transport.close()

    def _watch(self, unsent: int) -> None:
        self._stop_watching()
        self._write_timer = self.loop.call_later(self._limits.slow_seconds, self._look_at_writing, unsent)

    def _stop_watching(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _look_at_writing(self, before: int) -> None:
        unsent = self.transport.get_write_buffer_size()
        if before - unsent < self._limits.slow_seconds * self._limits.slow_bytes_per_second:
            log.info("http.client_too_slow", unsent=unsent)
            # Without waiting for what is unsent, in the kernel neither.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.transport.abort()
        else:
            self._watch(unsent)
