"""Processes that start while the image store is away."""

import json
import uuid
from pathlib import Path

import psutil
import pytest
import redis

from tasks import ledger, messages, store
from tasks.app import app
from tasks.errors import ErrorCode, UnavailableError
from tasks.queues import Priority, Queue
from tasks.settings import Settings
from tests import lab
from tests.conftest import QUICK
from tests.tasks import pictures


def test_a_child_that_cannot_open_its_store_takes_no_task(tmp_path: Path) -> None:
    """Its successors try again until the store is back; the task that waited meanwhile is done, not failed."""
    with lab.valkeys(tmp_path) as urls:
        folder = tmp_path / "images"
        environment = {**urls, **QUICK, "DARKROOM_BROKER_RECONNECT_SECONDS": "0.2"}
        worker = lab.WorkerProcess("cpu", environment, tmp_path / "cpu.log", "-c", "1")
        book = ledger.connect(urls["REDIS_URL"])
        images = store.connect(Settings.model_validate({name.lower(): url for name, url in urls.items()}), book.client)
        try:
            worker.wait_until_ready()
            photo = images.put(pictures.encoded(pictures.photo())).id
            folder.rename(tmp_path / "elsewhere")
            folder.write_bytes(b"")
            [child] = psutil.Process(worker.process.pid).children()
            child.kill()
            lab.wait_for(lambda: "worker.child_cannot_start" in worker.log.read_text(), "a child to fail")
            task_id = _ask(book.client, photo)
            folder.unlink()
            (tmp_path / "elsewhere").rename(folder)
            answer = json.loads(lab.wait_for(lambda: book.client.get(f"celery-task-meta-{task_id}"), "the answer"))
            assert answer["status"] == "SUCCESS", answer
        finally:
            worker.stop()
            book.client.close()


def test_a_store_that_cannot_be_opened_is_away(tmp_path: Path) -> None:
    """Whoever opens it is told so by the code that clients get, not by an error of the file system."""
    (tmp_path / "images").write_bytes(b"")
    settings = Settings.model_validate(
        {"image_cache_url": "redis://127.0.0.1:1/0", "image_store_url": f"file://{tmp_path}/images"}
    )
    with redis.Redis() as nobody, pytest.raises(UnavailableError) as raised:
        store.connect(settings, nobody)
    assert raised.value.code is ErrorCode.STORE_UNAVAILABLE


def _ask(client: "redis.Redis", photo: str) -> str:
    task_id = str(uuid.uuid4())
    message = messages.build(
        app,
        "tasks.image_utils.resize",
        task_id=task_id,
        queue=Queue.IMAGE_UTILS,
        priority=Priority.INTERACTIVE,
        args=[photo],
        kwargs={"width": 32},
    )
    client.lpush(Queue.IMAGE_UTILS, message)
    return task_id
