"""Row 14: malformed and hostile messages, on every queue."""

import json
import uuid
from typing import Any

from tasks import messages
from tasks.app import app
from tasks.consumer import DEAD_MESSAGES_KEY
from tasks.queues import Priority, Queue
from tasks.settings import settings
from tests import lab
from tests.chaos.report import Report
from tests.chaos.stand import Stand

GOOD = {
    Queue.IMAGE_UTILS: "tasks.workflows.text_to_image",
    Queue.SEGMENTATION: "tasks.segmentation.smart_mask",
    Queue.GENERATION: "tasks.generation.generate",
    Queue.JOBS: "tasks.housekeeping.expire_images",
}
"""A task of each queue; the good message of it need not end well, but has to be run."""
PROFILES = {Queue.IMAGE_UTILS: "cpu", Queue.SEGMENTATION: "t4", Queue.GENERATION: "a100", Queue.JOBS: "jobs"}
NESTED = 100_000


def good(queue: Queue, task_id: str, *args: Any) -> dict[str, Any]:
    """Return a well-formed message."""
    text = messages.build(app, GOOD[queue], task_id=task_id, queue=queue, priority=Priority.INTERACTIVE, args=args)
    message: dict[str, Any] = json.loads(text)
    return message


def malformed(queue: Queue) -> dict[str, dict[str, Any]]:
    """Return messages that each have one flaw for which they are put aside."""
    whole = good(queue, str(uuid.uuid4()))
    headers, properties = whole["headers"], whole["properties"]
    flawed = {
        "no id": {name: value for name, value in headers.items() if name != "id"},
        "no task": {name: value for name, value in headers.items() if name != "task"},
        "none": {},
        "an id of another kind": {**headers, "id": ["a"]},
        "an id that breaks JSON": {**headers, "id": 'a","status":"SUCCESS'},
        "an unknown task": {**headers, "task": "os.system"},
        "a part of another kind": {**headers, "part": 5},
        "a part of an unknown role": {**headers, "part": {"job": "a", "launch": "b", "role": "c"}},
        "an enqueue time that is text": {**headers, "enqueued_at": "yesterday"},
        "an expiry that is no time": {**headers, "expires": "garbage"},
        "an expiry of another kind": {**headers, "expires": {"a": 1}},
        "a start in a hundred years": {**headers, "eta": "2126-01-01T00:00:00+00:00"},
        "limits of its own": {**headers, "timelimit": [1e9, 1e9]},
        "retries that are text": {**headers, "retries": "many"},
        "a compression": {**headers, "compression": "zlib"},
        "an unknown compression": {**headers, "compression": "nothing"},
        "an id of a megabyte": {**headers, "id": "a" * 1_000_000},
    }
    bodies = {
        "of another shape": '{"a": 1}',
        "a number": "5",
        "that is no JSON": "{not json",
        "that is nested without end": "[" * NESTED + "]" * NESTED,
        "with a chord of another kind": '[[], {}, {"chord": 5}]',
        "with callbacks of another kind": '[[], {}, {"callbacks": [5]}]',
        "with arguments of another kind": '["abc", {}, {}]',
    }
    return {
        **{f"headers: {name}": {**whole, "headers": changed} for name, changed in flawed.items()},
        **{f"a body {name}": {**whole, "body": body} for name, body in bodies.items()},
        "no base64": {**whole, "body": "????", "properties": {**properties, "body_encoding": "base64"}},
        "a pickle": {**whole, "content-type": "application/x-python-serialize", "content-encoding": "binary"},
        "an unknown type": {**whole, "content-type": "application/x-unheard-of"},
    }


def hostile(queue: Queue) -> list[dict[str, Any]]:
    """Return well-formed messages whose arguments or properties the task has to refuse."""
    plain = [good(queue, str(uuid.uuid4()), *args) for args in ([{"a": [1]}], [None, None, None], ["../../etc/passwd"])]
    whole = good(queue, str(uuid.uuid4()))
    with_body = [
        {**good(queue, str(uuid.uuid4())), "body": json.dumps([[], {"x": "\ud800", "owner": ["a"]}, {}])},
        {**good(queue, str(uuid.uuid4())), "body": json.dumps([["a" * 1_000_000], {}, {}])},
        {
            **good(queue, str(uuid.uuid4())),
            "headers": {**whole["headers"], "id": str(uuid.uuid4()), "x": "a" * 1_000_000},
        },
        {**good(queue, str(uuid.uuid4())), "properties": {**whole["properties"], "priority": "urgent"}},
    ]
    return [*plain, *with_body]


def envelopes(queue: Queue) -> dict[str, str]:
    """Return what is no message at all: kombu cannot take it in, which may cost the worker a restart."""
    whole = good(queue, str(uuid.uuid4()))
    return {
        "not JSON": "not json at all",
        "no properties": json.dumps({**whole, "properties": None}),
        "nested without end": "[" * NESTED,
    }


def send(stand: Stand, queue: Queue, message: dict[str, Any]) -> None:
    """Put a message on a queue, with a delivery tag of its own."""
    fresh = {**message, "properties": {**message["properties"], "delivery_tag": str(uuid.uuid4())}}
    stand.broker.client.lpush(queue, json.dumps(fresh))


def test_hostile_messages_stop_nobody(stand: Stand, report: Report) -> None:
    """On every queue, malformed messages end among the dead ones, hostile arguments in an error, and the next one runs.

    The same processes go on. What is no message at all costs a worker at most one restart.
    """
    workers = {queue: stand.begin(profile, "-c", "1") for queue, profile in PROFILES.items()}
    for worker in workers.values():
        worker.wait_until_ready()
    kinds = {queue: malformed(queue) for queue in Queue}
    for queue in Queue:
        for message in kinds[queue].values():
            send(stand, queue, message)
        for message in hostile(queue):
            send(stand, queue, message)
        send(stand, queue, good(queue, f"good-{queue}"))
    for queue in Queue:
        lab.wait_for(lambda queue=queue: stand.runs(f"good-{queue}"), f"the good message on {queue}")
    lab.wait_for(lambda: stand.unacked() == 0, "every message to be acknowledged")
    dead = stand.broker.client.llen(DEAD_MESSAGES_KEY)
    report.row(
        14,
        injected=f"{len(kinds[Queue.JOBS])} kinds of malformed messages and {len(hostile(Queue.JOBS))} of hostile "
        f"arguments on {len(Queue)} queues",
        counted=f"dead letters {dead}, restarts {sum(w.process.poll() is not None for w in workers.values())}",
        measured=f"good ones run {sum(stand.runs(f'good-{queue}') for queue in Queue)}",
        bound="≤ 1 restart",
    )
    assert dead == sum(map(len, kinds.values()))
    assert max(map(len, stand.broker.client.lrange(DEAD_MESSAGES_KEY, 0, -1))) < 4 * settings().dead_message_characters
    assert {queue: worker.process.poll() for queue, worker in workers.items()} == dict.fromkeys(Queue)
    for worker in workers.values():
        worker.kill()
    costs = {}
    watched = stand.watch("jobs")
    for kind, envelope in envelopes(Queue.JOBS).items():
        before = len(watched.ends)
        stand.broker.client.lpush(Queue.JOBS, envelope)
        send(stand, Queue.JOBS, good(Queue.JOBS, f"after {kind}".replace(" ", "-")))
        lab.wait_for(lambda kind=kind: stand.runs(f"after {kind}".replace(" ", "-")), f"the message after {kind}")
        costs[kind] = len(watched.ends) - before
    report.row(
        14,
        injected="envelopes that are none",
        counted=f"restarts {costs}",
        measured=f"good ones run {len(costs)}",
        bound="≤ 1 restart each",
    )
    assert max(costs.values()) <= 1
