"""Celery messages, built without a connection: what is LPUSHed here is what ``apply_async`` would have sent.

The gateway enqueues through asyncio, and the ledger writes a job's record and its message in one transaction; both
need the message as a string. A test compares it with Celery's own, byte by byte.
"""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from celery import Celery

from tasks.queues import Priority, Queue
from tasks.summaries import Summary, summary
from tasks.tracing import TRACEPARENT, carried

ENQUEUED_AT = "enqueued_at"
"""Header with the Unix time of the enqueue; the sweeper tells from it whether a queue has moved past a message."""
REQUEST_ID = "request_id"
"""Header with the id of the HTTP request that started it all."""
PART = "part"
"""Header that makes a task a part of a job: ``{"job": …, "launch": …, "role": …}``."""

OPERATION = "operation"
"""Header of the messages that carry a job, its opening's and its body's: which operation it is."""


def stamps(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headers that every message of ours carries, for a message that has some already.

    Where the message comes from is told by the context of what runs; Celery's main process, which sends the message of
    a child that died again, runs nothing, and leaves what the message says.
    """
    context = structlog.contextvars.get_contextvars()
    traceparent = carried() or headers.get(TRACEPARENT)
    return {
        ENQUEUED_AT: time.time(),
        REQUEST_ID: context.get(REQUEST_ID) or headers.get(REQUEST_ID, ""),
        **({TRACEPARENT: traceparent} if traceparent else {}),
    }


def described(task_id: str | None, args: Any, kwargs: Any, headers: Mapping[str, Any]) -> Summary:
    """Return what is shown of a message: for a job, what it does or which part it makes; else its arguments alone."""
    match headers.get(PART), headers.get(OPERATION):
        case {"job": job, "role": role}, _:
            return summary(args, kwargs, f"{role} {job}")
        case _, str() as operation:
            return summary((), kwargs, f"{operation} {task_id}")
        case _:
            return summary(args, kwargs)


def job_of(headers: Mapping[str, Any]) -> str:
    """Return the job that a message works for, by its headers; empty if they name none."""
    part = headers.get(PART)
    return str(part["job"] if part else headers["id"] if headers.get(OPERATION) else "")


def build(
    app: Celery,
    task: str,
    *,
    task_id: str,
    queue: Queue,
    priority: Priority,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    expires: float | None = None,
) -> str:
    """Return the message as kombu's Redis transport stores it. ``expires`` is seconds from now."""
    message = app.amqp.as_task_v2(task_id, task, args=args, kwargs=kwargs or {}, expires=expires, headers=headers)
    return json.dumps(
        {
            "body": json.dumps(message.body),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {**message.headers, **stamps({}), **(headers or {})},
            "properties": {
                **message.properties,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": int(priority),
                "body_encoding": None,
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )


def enqueued_at(message: str | bytes) -> float | None:
    """Return when a queued message was enqueued; None if it does not say or is no message at all."""
    try:
        return float(json.loads(message)["headers"][ENQUEUED_AT])
    except (ValueError, TypeError, KeyError):
        return None
