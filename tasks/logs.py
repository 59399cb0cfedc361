"""Logs: dotted events with fields, one line each; the request's id is on every line that its work causes."""

import logging
import os
import sys
from typing import Any

import structlog
from celery import signals
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from tasks.messages import REQUEST_ID

# The values of local variables, which structlog shows by itself, are prompts, addresses and signing secrets here.
_TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
_TRACEBACKS_AS_TEXT = structlog.dev.RichTracebackFormatter(show_locals=False)


def configure(level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's logs to stderr: text for a terminal, JSON elsewhere."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers()],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def log_format() -> str:
    """Return how this process's lines look: ``text`` for a terminal, else ``json``, unless it is told."""
    return os.environ.get("DARKROOM_LOG_FORMAT", "text" if sys.stderr.isatty() else "json")


def _renderers() -> list[Processor]:
    if log_format() == "json":
        return [_TRACEBACKS, structlog.processors.JSONRenderer()]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_TRACEBACKS_AS_TEXT)]


def _configure_worker(**_: Any) -> None:
    configure()


def _bind(task_id: str, task: Any, **_: Any) -> None:
    structlog.contextvars.bind_contextvars(
        **{"task_id": task_id, "task": task.name, REQUEST_ID: task.request.get(REQUEST_ID, "")}
    )


def _unbind(**_: Any) -> None:
    structlog.contextvars.clear_contextvars()


def listen() -> None:
    """Configure logging where Celery would, and bind each task's context while it runs."""
    signals.setup_logging.connect(_configure_worker)
    signals.task_prerun.connect(_bind)
    signals.task_postrun.connect(_unbind)
