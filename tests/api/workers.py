"""Workers as the gateway sees them: messages taken from lists, ledger moves, replies."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from tasks import ledger
from tasks.engines import RefinerName
from tasks.errors import ErrorCode, error_of
from tasks.jobs import Failure, Role, Stage
from tasks.ledger import Ledger, Token
from tasks.queues import Queue, list_keys
from tasks.smart_masks import SEGMENTER_KEY, Segmenter
from tasks.store import ImageStore

LEFT_IN_QUEUE = 5


@dataclass(frozen=True, slots=True)
class Message:
    """A task's message, decoded."""

    task: str
    id: str
    args: list[Any]
    kwargs: dict[str, Any]
    headers: dict[str, Any]


class FakeWorker:
    """Plays every pool."""

    def __init__(self, broker: "redis.Redis", store: ImageStore) -> None:
        self.broker = broker
        self.store = store
        self.ledger = Ledger(broker)

    def queued(self) -> int:
        """How many messages lie on all queues."""
        return sum(int(self.broker.llen(key)) for queue in Queue for key in list_keys(queue))

    def take(self, queue: Queue = Queue.IMAGE_UTILS, seconds: float = 10) -> Message:
        """Take the next message of a queue."""
        taken = self.broker.brpop(list(list_keys(queue)), timeout=seconds)
        assert taken, f"no message came on {queue}"
        envelope = json.loads(taken[1])
        args, kwargs, _ = json.loads(envelope["body"])
        headers = envelope["headers"]
        return Message(headers["task"], headers["id"], args, kwargs, headers)

    def prepare(self, job_id: str) -> None:
        """Carry a job from its opening to the line before its pool."""
        opening, chord = ledger.new_token(job_id), ledger.new_token(job_id)
        self.ledger.apply(ledger.claim(opening, Stage.OPENING, "cpu"))
        self.ledger.apply(ledger.launch(opening, chord, 1, {}))
        self.ledger.apply(ledger.enter(chord, Role.MAE))
        self.ledger.apply(ledger.part(chord, Role.MAE, "0" * 64))

    def start(self, job_id: str) -> Token:
        """Begin to generate."""
        token = ledger.new_token(job_id)
        self.ledger.apply(ledger.claim(token, Stage.BODY, "a100"))
        return token

    def step(self, token: Token, step: int, total: int = 4, preview: str = "") -> float:
        """Report progress; return when."""
        self.ledger.apply(ledger.progress(token, step, total, "inpainting", preview))
        return time.time()

    def finish(self, token: Token, picture: bytes, *, owner: str = "local", **more: Any) -> str:
        """Commit a picture; return its id."""
        kept = self.store.put(picture, owner=owner)
        result = {
            "image_id": kept.id,
            "width": kept.width,
            "height": kept.height,
            "model_used": "opencv",
            "generation_time": 0.5,
            "stages": {"edit": 0.5},
            "parameters_used": {"operation": "removal", "seed": 7},
            "reproducibility": {"engine": "opencv", "versions": {}, "seed": 7, "parameters": {}},
            **more,
        }
        self.ledger.apply(ledger.succeed(token, result))
        return kept.id

    def fail(self, token: Token, code: ErrorCode, detail: str) -> None:
        """End a job with an error."""
        self.ledger.apply(ledger.fail(token, Failure(code, detail)))

    def run_job(self, job_id: str, picture: bytes) -> str:
        """Carry a job from its opening to its result."""
        self.prepare(job_id)
        token = self.start(job_id)
        self.step(token, 1)
        return self.finish(token, picture)

    def reply(self, message: Message, result: Any, status: str = "SUCCESS") -> None:
        """Answer as Celery's Redis backend does."""
        meta = json.dumps({"status": status, "result": result, "task_id": message.id, "traceback": None})
        with self.broker.pipeline() as pipe:
            pipe.set(f"celery-task-meta-{message.id}", meta, ex=300)
            pipe.publish(f"celery-task-meta-{message.id}", meta)
            pipe.execute()

    def reply_with(self, message: Message, picture: bytes) -> None:
        """Answer with an image."""
        kept = self.store.put(picture, owner=message.kwargs["owner"], durable=False)
        self.reply(message, {"image_id": kept.id, "format": kept.format, "width": kept.width, "height": kept.height})

    def reply_with_mask(self, message: Message, mask: bytes, **more: Any) -> str:
        """Answer with the mask of a click; return its id."""
        kept = self.store.put(mask, owner=message.kwargs["owner"], durable=False)
        found = {
            "image_id": kept.id,
            "format": kept.format,
            "width": kept.width,
            "height": kept.height,
            "box": [40, 26, 60, 40],
            "area": 280,
            "candidates": [{"box": [40, 26, 60, 40], "area": 280, "score": 0.9}],
            "candidate": 0,
            "model_used": "opencv",
            "refined_with": None,
        }
        self.reply(message, {**found, **more})
        return kept.id

    def reply_with_error(self, message: Message, code: ErrorCode, detail: str = "A sentence.") -> None:
        """Answer with an error of ours."""
        name = type(error_of(code, detail)).__name__
        self.reply(message, {"exc_type": name, "exc_module": "tasks.errors", "exc_message": [code, detail]}, "FAILURE")

    def tell_segmenter(self, masks_key: str | None, refiner: RefinerName = RefinerName.GRABCUT) -> None:
        """Tell what the segmentation pool runs."""
        told = Segmenter(masks_key=masks_key, refiner=refiner)
        self.broker.set(SEGMENTER_KEY, told.model_dump_json())

    def announce(self, profile: str, service: str, state: str = "ready", active: int = 0, **more: Any) -> None:
        """Tell of a worker."""
        name = f"{profile}@test"
        told = {"name": name, "profile": profile, "service": service, "engine": None, "pid": 1, "slots": 1}
        if profile == "a100":
            told["engine"] = "opencv"
        now = {"state": state, "message": "", "active": active, "started_at": 0.0}
        self.ledger.apply(ledger.announce(name, {**told, **now, **more}, 15))


def seconds_left(message: Message) -> float:
    """How long a message still lives."""
    return (datetime.fromisoformat(message.headers["expires"]) - datetime.now(UTC)).total_seconds()


@contextmanager
def meanwhile(work: Callable[[], Any]) -> Iterator[None]:
    """Have work done in a thread while the block runs; its failure is the test's."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)
    if failures:
        raise failures[0]
