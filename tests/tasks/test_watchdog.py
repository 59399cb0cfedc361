"""What ends a worker by itself, and what does not."""

import os
import signal
import uuid
from pathlib import Path

import redis

from tasks import messages
from tasks.app import app
from tasks.queues import Priority, Queue
from tests import lab
from tests.conftest import QUICK

SILENT_SECONDS = 12
"""Over the longest pause between two attempts to connect (10 s), which a loop may be in when its broker returns."""


def test_a_silent_broker_ends_no_worker(tmp_path: Path) -> None:
    """However long the broker is silent, and the event loop with it, the process stays; then it takes the next task."""
    with lab.valkeys(tmp_path) as urls:
        patience = {"DARKROOM_BROKER_ANSWER_SECONDS": "0.5", "DARKROOM_LOOP_SILENT_SECONDS": str(SILENT_SECONDS)}
        worker = lab.WorkerProcess("jobs", {**urls, **QUICK, **patience}, tmp_path / "jobs.log")
        client = redis.Redis.from_url(urls["REDIS_URL"], decode_responses=True)
        broker = int(client.info("server")["process_id"])
        try:
            worker.wait_until_ready()
            os.kill(broker, signal.SIGSTOP)
            lab.wait_for(
                lambda: "watchdog.broker_away" in worker.log.read_text() or worker.process.poll() is not None,
                "the watchdog to look twice",
            )
            os.kill(broker, signal.SIGCONT)
            task_id = str(uuid.uuid4())
            task = "tasks.housekeeping.expire_images"
            message = messages.build(app, task, task_id=task_id, queue=Queue.JOBS, priority=Priority.INTERACTIVE)
            client.lpush(Queue.JOBS, message)
            lab.wait_for(
                lambda: lab.logged(worker.log, "task.done", task_id) or worker.process.poll() is not None,
                "the next task",
            )
            assert worker.process.poll() is None, worker.log.read_text()[-2000:]
        finally:
            os.kill(broker, signal.SIGCONT)
            client.close()
            worker.stop()
