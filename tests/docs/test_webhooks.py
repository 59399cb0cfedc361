"""The receivers of docs/webhooks.md take what we send, and nothing else."""

import base64
import json
import re
import shutil
import subprocess
import sys
import types
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.webhooks import Message, signed_headers
from tests.api.servers import running

PAGE = (Path(__file__).parent.parent.parent / "docs/webhooks.md").read_text()
SECRET, OTHER_SECRET = (f"whsec_{base64.b64encode(key * 32).decode()}" for key in (b"1", b"2"))
HARNESS = """
import { readFileSync } from "node:fs";
import { POST, ended } from "./route.mjs";
const statuses = [];
for (const { headers, body } of JSON.parse(readFileSync(0)))
  statuses.push((await POST(new Request("http://receiver/", { method: "POST", headers, body }))).status);
console.log(JSON.stringify({ statuses, ended: [...ended.values()] }));
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request to a receiver, and the answer that it has to get."""

    headers: dict[str, str]
    body: str
    status: int


def block(language: str) -> str:
    """Return the page's only block of a language."""
    (found,) = re.findall(rf"```{language} [^\n]*\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def attempts() -> list[Attempt]:
    """What a receiver meets: a message, its repetition, one under two secrets, and forgeries of each kind."""
    now = datetime.now(UTC)
    first = Message("msg_1", json.dumps({"type": "job.done", "data": {"task_id": "1"}}))
    second = Message("msg_2", json.dumps({"type": "job.done", "data": {"task_id": "2"}}))
    good = dict(signed_headers(first, [SECRET], now))
    rotated = dict(signed_headers(second, [OTHER_SECRET, SECRET], now))
    old = dict(signed_headers(second, [SECRET], now - timedelta(minutes=6)))
    foreign = dict(signed_headers(second, [OTHER_SECRET], now))
    return [
        Attempt(good, first.body, 204),
        Attempt(good, first.body, 204),
        Attempt(good, first.body.replace("1", "3"), 400),
        Attempt({**good, "webhook-id": "msg_3"}, first.body, 400),
        Attempt({**good, "webhook-signature": good["webhook-signature"].replace("v1", "v2")}, first.body, 400),
        Attempt(old, second.body, 400),
        Attempt(foreign, second.body, 400),
        Attempt({"Content-Type": "application/json"}, first.body, 400),
        Attempt(rotated, second.body, 204),
    ]


def test_the_python_receiver_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTP: each end of a job is taken down once, forgeries and replays are refused."""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    module = types.ModuleType("receiver")
    monkeypatch.setitem(sys.modules, "receiver", module)  # where FastAPI looks annotations up
    exec(compile(block("python"), "docs/webhooks.md", "exec"), module.__dict__)  # noqa: S102 - it is our page
    with running(module.app) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        for attempt in attempts():
            answer = client.post("/api/darkroom", headers=attempt.headers, content=attempt.body)
            assert answer.status_code == attempt.status, attempt
    assert module.ended == {"msg_1": {"task_id": "1"}, "msg_2": {"task_id": "2"}}


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
def test_the_javascript_receiver_verifies(tmp_path: Path) -> None:
    """The route handler does the same in Node.js."""
    (tmp_path / "route.mjs").write_text(block("js"))
    (tmp_path / "harness.mjs").write_text(HARNESS)
    sent: list[dict[str, Any]] = [{"headers": each.headers, "body": each.body} for each in attempts()]
    done = subprocess.run(
        ["node", "harness.mjs"],
        cwd=tmp_path,
        env={"WEBHOOK_SECRET": SECRET, "PATH": str(Path(shutil.which("node") or "").parent)},
        input=json.dumps(sent),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["statuses"] == [attempt.status for attempt in attempts()]
    assert told["ended"] == [{"task_id": "1"}, {"task_id": "2"}]
