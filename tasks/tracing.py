"""Traces: one per job, from the HTTP request through the chord to the picture, sent by OTLP where it is asked for.

What belongs to a trace is told by a W3C traceparent (https://www.w3.org/TR/trace-context/). It goes with every message
and stands in the job's record, so that a message which the sweeper sends again leads into the same trace. Everything
that works for a job hangs below the one traceparent of its submission: a part that is redone has no living parent.

This module is what the rest sees, and loads nothing of OpenTelemetry; ``tasks.telemetry`` does, and is loaded where
an endpoint is set (docs/decisions/0013).
"""

import hashlib
import importlib
import os
import re
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog
from celery import signals, states

from tasks.errors import DarkroomError

if TYPE_CHECKING:
    from tasks.base import DarkroomTask

TRACEPARENT = "traceparent"
"""Header of messages, and field of a job's record."""
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Either of these variables turns traces on, as OpenTelemetry defines them."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_CARRIED: ContextVar[str] = ContextVar(TRACEPARENT, default="")
_RUNNING: ContextVar[ExitStack | None] = ContextVar("running_span", default=None)

QUEUE = "messaging.destination.name"
"""Attribute with the queue that a task came on, as OpenTelemetry's conventions for messaging name it."""
log = structlog.get_logger(__name__)

Attribute = str | int | float | bool
Attributes = Mapping[str, Attribute]


class Kind(StrEnum):
    """What a span is to its neighbours, as OpenTelemetry names it."""

    INTERNAL = "internal"
    CONSUMER = "consumer"
    PRODUCER = "producer"


class Tracing:
    """Traces of this process. This base records nothing: it is what there is while traces are off."""

    is_on = False
    provider: Any = None
    """OpenTelemetry's tracer provider, for libraries that make spans of their own."""

    def span(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        parent: str = "",
        attributes: Attributes | None = None,
    ) -> AbstractContextManager[None]:
        """Time the block as a span, below the traceparent that is given or below the span that runs.

        What the block raises marks the span with its code or its class; never with its text, which may be a user's.
        """
        return nullcontext()

    def record(self, name: str, since: float, until: float, *, parent: str, attributes: Attributes) -> None:
        """Add a span that is over. Times are Unix seconds; a clock that runs ahead makes it an empty one."""

    def note(self, **attributes: Attribute) -> None:
        """Add to what the span that runs says; ``darkroom_x`` is written ``darkroom.x``."""

    def event(self, name: str, **attributes: Attribute) -> None:
        """Mark a moment in the span that runs."""

    def fail(self, code: str) -> None:
        """Mark the span that runs as failed."""

    def traceparent(self) -> str:
        """Return the traceparent of the span that runs; empty if none does."""
        return ""

    def close(self) -> None:
        """Send what is left, for a second at most."""


OFF = Tracing()


def is_wanted() -> bool:
    """Whether the environment asks for traces."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "otlp").lower()
    return not disabled and exporter != "none" and any(os.environ.get(name) for name in ENDPOINTS)


def start(service: str) -> Tracing:
    """Return the traces of this process, on if they are asked for and installed; ``service``: the gateway or a pool.

    A process that forks starts them in each child: the thread that sends them does not survive a fork.
    """
    if not is_wanted():
        return OFF
    try:
        started: Tracing = importlib.import_module("tasks.telemetry").Telemetry(service)
    except ModuleNotFoundError as error:
        log.warning("tracing.unavailable", package=error.name, remedy="install Darkroom with the extra `tracing`")
        return OFF
    return started


def carried() -> str:
    """Return the traceparent that goes with what this request or task publishes; empty if there is none."""
    return _CARRIED.get()


def carry(traceparent: str) -> None:
    """Have a traceparent go with everything that is published from here on, in this context."""
    _CARRIED.set(traceparent)


def derived(job_id: str) -> str:
    """Return the traceparent of a job that came without one, such as from a Python client: the same one every time."""
    digest = hashlib.sha256(job_id.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01"


def log_fields(traceparent: str) -> dict[str, str]:
    """Return what a log line says of a trace; nothing for what is no traceparent."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return {"trace_id": found[1]} if found else {}


def waited(tracing: Tracing, queue: str, since: float) -> None:
    """Record the wait in a queue that has just ended; ``since`` in Unix seconds."""
    named = {QUEUE: queue}
    tracing.record(f"queue {queue}", since, time.time(), parent=carried(), attributes=named)


def listen() -> None:
    """Make a span of every task, from before it runs until its outcome is stored."""
    signals.task_prerun.connect(_begin)
    signals.task_postrun.connect(_end)


def _begin(task: "DarkroomTask", **_: Any) -> None:
    tracing = task.app.tracing
    if task.enqueued_at is not None and not task.carries_job:  # of a job's wait its record knows
        waited(tracing, task.came_on, task.enqueued_at)
    stack = ExitStack()
    name = task.name.removeprefix("tasks.")
    stack.enter_context(tracing.span(name, kind=Kind.CONSUMER, parent=carried(), attributes=task.trace_attributes()))
    _RUNNING.set(stack)


def _end(task: "DarkroomTask", state: str | None = None, retval: Any = None, **_: Any) -> None:
    stack = _RUNNING.get()
    if stack is None:
        return
    if state == states.FAILURE:
        task.app.tracing.fail(code_of(retval))
    _RUNNING.set(None)
    stack.close()


def code_of(error: Any) -> str:
    """Return what an error is called: its code, or its class."""
    return str(error.code) if isinstance(error, DarkroomError) else type(error).__name__
