"""Logs: dotted events with fields, one line each; the request's id is on every line that its work causes.

A line about a task's outcome stands in the place of Celery's own, which have no fields: seconds are the task's own,
queued_seconds those that its message waited before.
"""

import logging
import os
import sys
import time
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from celery import signals, states
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from tasks import tracing
from tasks.messages import REQUEST_ID
from tasks.outcomes import HandedOn, PutDown
from tasks.tracing import TRACEPARENT, code_of

if TYPE_CHECKING:
    from tasks.base import DarkroomTask

# The values of local variables, which structlog shows by itself, are prompts, addresses and signing secrets here.
_TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
_TRACEBACKS_AS_TEXT = structlog.dev.RichTracebackFormatter(show_locals=False)

_SAID_BY_US = ("celery.app.trace", "celery.worker.strategy")
"""Celery's loggers of what each task does; their warnings and errors stay."""
_STARTED: ContextVar[float] = ContextVar("started", default=0.0)

log = structlog.get_logger(__name__)


class Lines:
    """What writes our lines. By way of the standard library's logging, as others' go, each would cost twice as much.

    Like there, a line that cannot be written is nobody's error.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        """Write to a stream, for a module."""
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write a line, whole."""
        # RuntimeError: a signal's handler logs, and what it has interrupted was just doing the same.
        with suppress(OSError, ValueError, RuntimeError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def configure(level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's logs to stderr: text for a terminal, JSON elsewhere."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers = _renderers()
    structlog.configure(
        processors=[*shared, *renderers],
        logger_factory=partial(Lines, sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _SAID_BY_US:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_format() -> str:
    """Return how this process's lines look: ``text`` for a terminal, else ``json``, unless it is told."""
    return os.environ.get("DARKROOM_LOG_FORMAT", "text" if sys.stderr.isatty() else "json")


def _renderers() -> list[Processor]:
    if log_format() == "json":
        return [_TRACEBACKS, structlog.processors.JSONRenderer()]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_TRACEBACKS_AS_TEXT)]


def _configure_worker(**_: Any) -> None:
    configure()


def _bind(task_id: str, task: "DarkroomTask", **_: Any) -> None:
    job_id = task.job_id
    # A Python client sends none; with traces on, what works for its job is one trace all the same.
    own = tracing.derived(job_id) if job_id and task.app.tracing.is_on else ""
    traceparent = task.request.get(TRACEPARENT) or own
    tracing.carry(traceparent)
    structlog.contextvars.bind_contextvars(
        **{"task_id": task_id, "task": task.name, REQUEST_ID: task.request.get(REQUEST_ID, "")},
        **({"job_id": job_id} if job_id else {}),
        **tracing.log_fields(traceparent),
    )
    _STARTED.set(time.time())


def _unbind(task: "DarkroomTask", state: str | None = None, retval: Any = None, **_: Any) -> None:
    _tell(task, state, retval)
    structlog.contextvars.clear_contextvars()
    tracing.carry("")


def _tell(task: "DarkroomTask", state: str | None, retval: Any) -> None:
    started, enqueued_at = _STARTED.get(), task.enqueued_at
    times = {"seconds": round(time.time() - started, 4)}
    if enqueued_at is not None:
        times["queued_seconds"] = round(max(0.0, started - enqueued_at), 4)
    match state, retval:
        case (states.SUCCESS, _) | (states.IGNORED, HandedOn()):
            log.info("task.done", **times)
        case states.FAILURE, _:
            log.warning("task.failed", code=code_of(retval), **times)
        case _, PutDown():
            log.info("task.put_down", reason=str(retval), **times)
        case _:
            log.info("task.put_down", reason=f"{state}".lower(), **times)


def listen() -> None:
    """Configure logging where Celery would, and bind each task's context while it runs."""
    signals.setup_logging.connect(_configure_worker)
    signals.task_prerun.connect(_bind)
    signals.task_postrun.connect(_unbind)
