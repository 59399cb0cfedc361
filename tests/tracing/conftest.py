"""All of Darkroom, with a collector for its traces, its log lines by their fields, and Flower behind a prefix."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests import lab
from tests.chaos.engine import Script
from tests.chaos.stand import Gateway, Stand
from tests.collector import Collector, collecting
from tests.tasks import pictures

SECRET = "a-very-private-wish"  # noqa: S105 - what no line and no span may hold
LOGIN = ("viewer", "the-password-of-flower")
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """What runs, and who watches it."""

    stand: Stand
    gateway: Gateway
    collector: Collector
    flower: httpx.Client
    """With its login."""

    def submit(
        self, operation: str, width: int = 64, *, script: Script | None = None, **fields: Any
    ) -> tuple[str, str]:
        """Submit a job over HTTP; return its id and its request's id."""
        prompt = (script or Script(label=SECRET)).model_dump_json()
        body = {"task_type": operation, "prompt": prompt, "input_image": encoded(width), **fields}
        if operation == "removal":
            body["conditional_images"] = [encoded_mask(width)]
        answer = self.gateway.http.post("/api/generate/async", json=body)
        answer.raise_for_status()
        return answer.json()["task_id"], answer.headers["X-Request-ID"]

    def lines(self, **fields: Any) -> list[Line]:
        """Return the log lines of all processes that have these fields."""
        return [line for line in self.all_lines() if fields.items() <= line.items()]

    def all_lines(self) -> list[Line]:
        """Return every log line of all processes."""
        # A line that is still being written has no end.
        texts = (path.read_text().rpartition("\n")[0].splitlines() for path in sorted(self.stand.folder.glob("*.log")))
        return [json.loads(line) for text in texts for line in text if line.startswith("{")]

    def until(self, what: str, count: int = 1, **fields: Any) -> list[Line]:
        """Wait for so many lines about an event that have these fields; return them."""

        def found() -> list[Line] | None:
            lines = self.lines(event=what, **fields)
            return lines if len(lines) >= count else None

        return lab.wait_for(found, f"{count} × {what} with {fields}")


def encoded(width: int) -> str:
    """A photo as today's frontend sends it; some widths are traps (``tests.chaos.worker``)."""
    return base64.b64encode(pictures.encoded(pictures.photo(width, 64))).decode()


def encoded_mask(width: int) -> str:
    """A mask for it."""
    return base64.b64encode(pictures.encoded(pictures.mask(width, 64, (16, 16, 32, 32)))).decode()


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Start everything; a worker of the generation pool that dies is started again."""
    with collecting() as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "DARKROOM_WEBHOOK_NETWORKS": "127.0.0.0/8",
        }
        with Stand(tmp_path_factory.mktemp("watched"), settings) as stand:
            others = [stand.begin("cpu", "-c", "2", "-E"), stand.begin("jobs")]
            with flower(stand) as viewer:
                stand.watch("a100")
                for worker in others:
                    worker.wait_until_ready()
                yield Watched(stand, stand.gateway(), collector, viewer)


@contextmanager
def flower(stand: Stand) -> Iterator[httpx.Client]:
    """Run Flower below a prefix, as ``darkroom flower`` does; yields a client that has its login."""
    port = lab.free_port()
    arguments = ("flower", "--port", str(port), "--history", str(stand.folder / "shelf"))
    environment = {"FLOWER_BASIC_AUTH": ":".join(LOGIN), "FLOWER_URL_PREFIX": "flower"}
    with (stand.folder / "flower.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "darkroom", *arguments],
            env={**os.environ, **stand.environment, **environment},
            stdout=output,
            stderr=output,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=LOGIN, timeout=30) as client:
            lab.wait_for(lambda: _answers(client), "Flower")
            yield client
    finally:
        process.terminate()
        process.wait(20)


def _answers(client: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return client.get("/healthcheck").is_success
    return False
