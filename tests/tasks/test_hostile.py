"""Messages of a stranger who can write to the broker: they end in a classified error, or among the dead ones."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery.exceptions import Ignore
from hypothesis import given, strategies as st

from tasks import generation, image_utils, messages, segmentation, store, workflows
from tasks.app import app
from tasks.base import DarkroomTask
from tasks.errors import DarkroomError, ErrorCode
from tasks.headers import Headers, flaw_in, is_deep
from tasks.jobs import Operation
from tasks.queues import Priority, Queue
from tasks.runtime import Runtime
from tasks.settings import Settings, settings
from tasks.store import ImageStore
from tasks.submission import OPENING_TASK
from tests import lab
from tests.tasks import pictures
from worker_profiles import ProfileName, load

REGISTERED = (generation, image_utils, segmentation, workflows)
"""Whose tasks are called here; importing them makes them known."""

ABSENT = "f" * 64
DEEP = json.loads("[" * 900 + "]" * 900)

HEADERS: dict[str, dict[str, Any]] = {
    "a part that is text": {"part": "job"},
    "a part of no job": {"part": {"job": {}, "launch": [], "role": "mae"}},
    "a part in no role": {"part": {"job": "j", "launch": "l", "role": "../mask"}},
    "a part of an unknown job": {"part": {"job": "j", "launch": "l", "role": "mae"}},
    "a claim": {"darkroom_claim": "mine"},
    "a claim in pieces": {"darkroom_claim": {"job_id": "j", "value": "v"}},
    "stamps": {"stamps": "x", "stamped_headers": 5},
    "time limits": {"timelimit": ["soon", "later"]},
    "an end": {"expires": "soon"},
    "retries": {"retries": "many"},
    "compression": {"compression": "zlib"},
    "a request id": {"request_id": {"a": 1}},
    "an id with quotes": {"id": '","status":"SUCCESS'},
    "an id that is no text": {"id": "\ud800"},
    "depth": {"origin": "x", "extra": DEEP},
}
ARGUMENTS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "none": ([], {}),
    "too many": ([ABSENT] * 50, {}),
    "a path": (["../../../../etc/passwd"], {}),
    "a long one": (["x" * 200_000], {}),
    "a long name": ([ABSENT], {"k" * 200_000: 1}),
    "no text": (["\ud800"], {"owner": "\0"}),
    "a list": ([[ABSENT]], {}),
    "a mapping": ([{"id": ABSENT}], {}),
    "null": ([None], {}),
    "the task itself": ([ABSENT], {"self": 1}),
    "twice": ([ABSENT], {"image_id": ABSENT}),
    "an owner that is a path": ([ABSENT], {"owner": "../../other"}),
    "an owner that is a list": ([ABSENT], {"owner": ["local"]}),
    "a field that nobody knows": ([ABSENT], {"surprise": {"a": [1, 2]}}),
    "no number": ([ABSENT], {"width": float("nan"), "height": float("inf")}),
}
EMBEDDED: dict[str, dict[str, Any]] = {
    "followers that are text": {"callbacks": "x", "errbacks": ["y"], "chain": "z", "chord": "c"},
    "a follower in pieces": {"errbacks": [{"task": "nope"}]},
    "a follower for a queue that is none": {
        "errbacks": [{"task": "tasks.image_utils.mae", "args": [], "kwargs": {}, "options": {"queue": "nope"}}]
    },
}
TASK_OF = {
    Queue.IMAGE_UTILS: "tasks.image_utils.resize",
    Queue.SEGMENTATION: "tasks.segmentation.smart_mask",
    Queue.GENERATION: "tasks.generation.generate",
    Queue.JOBS: "tasks.image_utils.encode",
}
WORKER_OF = {
    Queue.IMAGE_UTILS: "cpu",
    Queue.SEGMENTATION: "t4",
    Queue.GENERATION: "a100",
    Queue.JOBS: "jobs",
}


def hostile(queue: Queue) -> Iterator[dict[str, Any]]:
    """Yield every kind of hostile message for a queue's task."""
    for number, headers in enumerate(HEADERS.values()):
        yield message(queue, f"h{number}", [ABSENT], {}, headers=headers)
    for number, (args, kwargs) in enumerate(ARGUMENTS.values()):
        yield message(queue, f"a{number}", args, kwargs)
    for number, embedded in enumerate(EMBEDDED.values()):
        yield message(queue, f"e{number}", [ABSENT], {}, embedded=embedded)
    deep = message(queue, "deep", [], {})
    yield {**deep, "body": f"[[{'[' * 900}{']' * 900}], {{}}, {{}}]"}
    yield {**deep, "body": "[" * 100_000}


def message(
    queue: Queue,
    name: str,
    args: list[Any],
    kwargs: dict[str, Any],
    *,
    headers: dict[str, Any] | None = None,
    embedded: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a message as a stranger would write it."""
    built: dict[str, Any] = json.loads(
        messages.build(app, TASK_OF[queue], task_id=f"{queue}-{name}", queue=queue, priority=Priority.INTERACTIVE)
    )
    body = json.dumps([args, kwargs, embedded or {}])
    return {**built, "headers": {**built["headers"], **(headers or {})}, "body": body}


@pytest.mark.parametrize("queue", Queue)
def test_workers_outlive_hostile_messages(
    queue: Queue, environment: dict[str, str], workers: dict[str, lab.WorkerProcess], images: ImageStore
) -> None:
    """After every hostile message the same processes do honest work; what was answered is an error of ours."""
    worker = workers[WORKER_OF[queue]]
    before, children = len(worker.log.read_text()), children_of(worker)
    with redis.Redis.from_url(environment["REDIS_URL"], decode_responses=True) as broker:
        sent = [*hostile(queue)]
        broker.lpush(queue, *(json.dumps(each) for each in sent))
        photo = images.put(pictures.encoded(pictures.photo())).id
        honest = messages.build(
            app,
            "tasks.image_utils.canny",
            task_id=f"honest-{queue}",
            queue=queue,
            priority=Priority.INTERACTIVE,
            args=[photo],
        )
        broker.lpush(queue, honest)
        reply = lab.wait_for(lambda: broker.get(f"celery-task-meta-honest-{queue}"), "honest work", 30)
        assert json.loads(reply)["status"] == "SUCCESS"
        replies = [
            broker.get(f"celery-task-meta-{each['headers']['id']}") for each in sent if each["headers"]["id"].isascii()
        ]
        failures = [json.loads(each)["result"] for each in replies if each]
    assert {each["exc_module"] for each in failures if each} <= {"tasks.errors"}
    assert ErrorCode.INTERNAL not in {each["exc_message"][0] for each in failures if each}
    assert all(len(str(each)) < 1000 for each in failures)
    assert worker.process.poll() is None
    assert children_of(worker) == children
    assert "watchdog.exit" not in worker.log.read_text()[before:]


def children_of(worker: lab.WorkerProcess) -> set[str]:
    """Return the process ids of a worker's pool."""
    return set(Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children").read_text().split())


@pytest.fixture(scope="module")
def images(environment: dict[str, str]) -> Iterator[ImageStore]:
    """The store of the session's workers."""
    with redis.Redis.from_url(environment["REDIS_URL"], decode_responses=True) as broker:
        yield store.connect(settings(), broker)


@pytest.fixture(scope="module")
def in_a_worker(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run tasks in this process as a worker would, over a store of its own; yields the folder that the store is in."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    own = Settings.model_validate(
        {**{k.lower(): v for k, v in environment.items()}, "image_store_url": f"file://{folder}/store"}
    )
    with redis.Redis.from_url(environment["REDIS_URL"]) as broker:
        app.runtime = Runtime(profile=load(ProfileName.CPU), store=store.connect(own, broker))
        yield folder
    app._runtime = None


WORDS = (ABSENT, "local", "../../secret", "/etc/passwd", "images/..", "owners/local", "\ud800", "\0", "*")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
FIELDS = ("owner", "self", "image_id", "mask_id", "job_id", "request_id", "width", "box", "points", "format", "photo")
NAMES = st.sampled_from(FIELDS) | st.text(max_size=10)
OTHERS = ("tasks.image_utils.mae", "tasks.segmentation.segment")
TASKS = sorted({*TASK_OF.values(), *OPENING_TASK.values(), *OTHERS})


@given(
    name=st.sampled_from(TASKS),
    args=st.lists(VALUES, max_size=3),
    kwargs=st.dictionaries(NAMES, VALUES, max_size=4),
)
def test_no_arguments_are_a_surprise(in_a_worker: Path, name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    """Whatever the arguments, a task refuses them with an error of ours that is no flaw of ours, and writes no file."""
    task: DarkroomTask = app.tasks[name]
    with pytest.raises((DarkroomError, Ignore)) as raised:
        task(*args, **kwargs)
    if isinstance(raised.value, DarkroomError):
        assert raised.value.code is not ErrorCode.INTERNAL
    assert [path for path in in_a_worker.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("image_id", ["../../secret", "..", "a" * 63, "A" * 64, f"{ABSENT}:local", "", "*"])
def test_an_id_that_is_none_reads_nothing(in_a_worker: Path, image_id: str) -> None:
    """Neither tier is asked for what is no id, so that no file outside the store and no other key is read."""
    (in_a_worker / "secret.json").write_text("{}")
    images = app.runtime.store
    for read in (images.open, images.metadata, lambda name: images.open_derived(name, "masks")):
        with pytest.raises(DarkroomError, match="no image"):
            read(image_id)
    (in_a_worker / "secret.json").unlink()


def test_our_own_messages_fit() -> None:
    """The check of headers lets everything through that we send."""
    for operation in Operation:
        built = json.loads(
            messages.build(
                app,
                OPENING_TASK[operation],
                task_id="7f3c",
                queue=Queue.IMAGE_UTILS,
                priority=Priority.BATCH,
                expires=5,
                headers={messages.PART: {"job": "j", "launch": "l", "role": "mae"}},
            )
        )
        assert flaw_in(Headers, built["headers"]) is None
        assert not is_deep(built)
    assert is_deep(DEEP)
