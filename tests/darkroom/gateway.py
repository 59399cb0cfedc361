"""A gateway of few words: what the command line makes of answers that a real gateway seldom gives."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JOB = "7f3c"
IMAGE = b"the image's bytes"


@dataclass
class Script:
    """What the gateway answers, and what it was asked."""

    submit: tuple[int, dict[str, object]] = (202, {"task_id": JOB, "status": "queued", "message": ""})
    streams: list[list[str]] = field(default_factory=list)
    """A list of events for each time that the stream is opened; the connection ends after them."""
    hold: bool = False
    """Keep the stream open until the job is cancelled."""
    asked: list[str] = field(default_factory=list)
    resumed_from: list[str | None] = field(default_factory=list)
    body: bytes = b""
    accepts: str = ""
    streaming: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)


def event(number: int, status: str, **values: object) -> str:
    """One server-sent event with a status object, after a heartbeat."""
    data = json.dumps({"task_id": JOB, "status": status, "new_field": 1, **values})
    return f": ping\n\nid: {number}-0\ndata: {data}\n\n"


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Run a gateway that follows the script; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self, status: int, body: bytes, media_type: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            script.asked.append(f"POST {self.path}")
            script.body = self.rfile.read(int(self.headers["Content-Length"]))
            status, document = script.submit
            self._answer(status, json.dumps(document).encode())

        def do_DELETE(self) -> None:
            script.asked.append(f"DELETE {self.path}")
            self._answer(200, b"{}")
            script.cancelled.set()

        def do_GET(self) -> None:
            script.asked.append(f"GET {self.path}")
            if self.path.startswith("/api/generate/stream/"):
                self._stream()
            else:
                script.accepts = self.headers["Accept"]
                self._answer(200, IMAGE, self.headers["Accept"])

        def _stream(self) -> None:
            script.resumed_from.append(self.headers["Last-Event-ID"])
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for each in script.streams.pop(0):
                self.wfile.write(each.encode())
            self.wfile.flush()
            script.streaming.set()
            if script.hold:
                script.cancelled.wait(30)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
