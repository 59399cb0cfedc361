"""Messages built without a connection."""

import json
from typing import Any

import structlog

import tasks
from tasks import messages, tracing
from tasks.app import app
from tasks.ledger import Ledger
from tasks.queues import Priority, Queue, list_key
from tasks.tracing import TRACEPARENT

CHANGING = {"delivery_tag", "origin", "reply_to", messages.ENQUEUED_AT}
"""Ids of the sender and of the delivery, and the time."""


def fixed(message: str | bytes) -> dict[str, Any]:
    """Return a message without what differs from one to the next."""
    fields: dict[str, Any] = json.loads(message)
    for part in (fields["headers"], fields["properties"]):
        for name in CHANGING & set(part):
            part[name] = "…"
    return fields


def test_a_message_is_what_celery_would_have_sent(book: Ledger, environment: dict[str, str]) -> None:
    """Field by field, in the same order, our message equals that of apply_async for the same task."""
    options: dict[str, Any] = {"args": ["a" * 64], "kwargs": {"width": 100}}
    sent = {"task_id": "the-id", "queue": Queue.IMAGE_UTILS, "priority": Priority.BATCH, **options}
    with app.connection_for_write(environment["REDIS_URL"].replace("/0", "/1")) as where_no_worker_looks:
        tasks.resize.apply_async(connection=where_no_worker_looks, **sent)
    theirs = book.client.rpop(list_key(Queue.IMAGE_UTILS, Priority.BATCH))
    ours = messages.build(app, "tasks.image_utils.resize", **sent)
    assert isinstance(theirs, str)
    assert json.dumps(fixed(ours)) == json.dumps(fixed(theirs))


def test_a_message_that_is_sent_again_keeps_its_ids() -> None:
    """Celery's main process sends the message of a child that died again, and knows of no request itself."""
    ids = {messages.REQUEST_ID: "the-request", TRACEPARENT: tracing.derived("7f3c")}
    again = messages.stamps({**ids, messages.ENQUEUED_AT: 1.0})
    assert ids.items() <= again.items()
    assert again[messages.ENQUEUED_AT] > 1.0
    with structlog.contextvars.bound_contextvars(request_id="another"):
        assert messages.stamps(ids)[messages.REQUEST_ID] == "another"


def test_a_message_says_when_it_was_enqueued(environment: dict[str, str]) -> None:
    """The sweeper can read the time from any message of ours, and gets None from anything else."""
    message = messages.build(app, "t", task_id="i", queue=Queue.JOBS, priority=Priority.INTERACTIVE)
    assert messages.enqueued_at(message) is not None
    assert [messages.enqueued_at(other) for other in ("", "no json", "[]", '{"headers": {}}')] == [None] * 4
