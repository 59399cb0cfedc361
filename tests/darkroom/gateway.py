"""A gateway of few words: what the command line makes of answers that a real gateway seldom gives."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JOB = "7f3c"
IMAGE = b"the image's bytes"
ENCODED = b"the bytes in another format"
RESULT = {
    "task_id": JOB,
    "image": base64.b64encode(IMAGE).decode(),
    "image_id": "1" * 64,
    "model_used": "opencv",
    "generation_time": 0.1,
}


@dataclass
class Script:
    """What the gateway answers, and what it was asked."""

    submit: tuple[int, dict[str, object]] = (202, {"task_id": JOB, "status": "queued", "message": ""})
    result: tuple[int, dict[str, object]] = field(default_factory=lambda: (200, RESULT))
    streams: list[list[str]] = field(default_factory=list)
    """A list of events for each time that the stream is opened; the connection ends after them."""
    hold: bool = False
    """Keep the stream open until the job is cancelled."""
    asked: list[str] = field(default_factory=list)
    resumed_from: list[str | None] = field(default_factory=list)
    body: bytes = b""
    encoding: bytes = b""
    streaming: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)


def event(number: int, status: str, **values: object) -> str:
    """One server-sent event with a status object, after a heartbeat."""
    data = json.dumps({"task_id": JOB, "status": status, "new_field": 1, **values})
    return f": ping\n\nid: {number}-0\ndata: {data}\n\n"


class _Handler(BaseHTTPRequestHandler):
    script: Script

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _say(self, status: int, document: dict[str, object]) -> None:
        media_type = "application/json" if status < 300 else "application/problem+json"
        self._answer(status, json.dumps(document).encode(), media_type, {})

    def _answer(self, status: int, body: bytes, media_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.script.asked.append(f"POST {self.path}")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/api/image-utils/"):
            self.script.encoding = body
            self._answer(200, ENCODED, "image/jpeg", {"X-Image-ID": "2" * 64})
        else:
            self.script.body = body
            self._say(*self.script.submit)

    def do_DELETE(self) -> None:
        self.script.asked.append(f"DELETE {self.path}")
        self._say(200, {"status": "cancelled"})
        self.script.cancelled.set()

    def do_GET(self) -> None:
        self.script.asked.append(f"GET {self.path}")
        if self.path.startswith("/api/generate/stream/"):
            self._stream()
        else:
            self._say(*self.script.result)

    def _stream(self) -> None:
        self.script.resumed_from.append(self.headers["Last-Event-ID"])
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for each in self.script.streams.pop(0):
            self.wfile.write(each.encode())
        self.wfile.flush()
        self.script.streaming.set()
        if self.script.hold:
            self.script.cancelled.wait(30)


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Run a gateway that follows the script; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"script": script})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
