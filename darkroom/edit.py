"""Edits one photo through a running Darkroom: upload, follow, download."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import httpx

from darkroom.errors import CommandError, UnreachableError, UsageError
from tasks.jobs import Operation, State

FORMATS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
"""Media type of the result by the suffix of the file to write."""

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
"""For the upload, the result, and between two lines of the event stream (heartbeats come each 15 s)."""
_STREAM_ATTEMPTS = 5
_REFUSALS = frozenset({400, 401, 403, 413, 415, 422})
"""Status codes with which the gateway says that the request, or its key, has to change."""


@dataclass(frozen=True, slots=True)
class Order:
    """An edit as the command line asks for it. Paths name image files."""

    operation: Operation
    photo: Path | None = None
    mask: Path | None = None
    reference: Path | None = None
    reference_mask: Path | None = None
    prompt: str | None = None
    seed: int | None = None

    def files(self) -> dict[str, Path]:
        """Return the images to upload, by the names of the form's fields."""
        candidates = {
            "input_image": self.photo,
            "mask": self.mask,
            "reference_image": self.reference,
            "reference_mask": self.reference_mask,
        }
        return {name: path for name, path in candidates.items() if path is not None}

    def form(self) -> dict[str, str]:
        """Return the form's other fields."""
        values = {"task_type": self.operation, "prompt": self.prompt, "seed": self.seed}
        return {name: str(value) for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Status:
    """What the event stream says of a job; ``progress`` is 0 to 1."""

    task_id: str
    status: State
    progress: float = 0.0
    current_step: int | None = None
    total_steps: int | None = None
    queue_position: int | None = None
    eta_seconds: float | None = None
    loading_message: str | None = None
    error: str | None = None

    @classmethod
    def parse(cls, data: str) -> "Status":
        """Read one event; fields of a newer gateway are ignored. Raises ``CommandError`` for anything else."""
        try:
            values = {key: value for key, value in json.loads(data).items() if key in _STATUS_FIELDS}
            return cls(**{**values, "status": State(values["status"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CommandError(f"The gateway sent an event that this version does not understand: {data}") from error


_STATUS_FIELDS = {each.name for each in fields(Status)}

Report = Callable[[Status], None]


def media_type(out: Path) -> str:
    """Return the media type that the suffix of the file to write asks for. Raises ``UsageError``."""
    try:
        return FORMATS[out.suffix.lower()]
    except KeyError:
        raise UsageError(f"{out.name}: the result can be written as {', '.join(FORMATS)}.") from None


def connect(url: str, key: str | None = None) -> httpx.AsyncClient:
    """Return a client of the gateway at this address, with the API key if it asks for one."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout)


async def edit(client: httpx.AsyncClient, order: Order, accept: str, report: Report) -> bytes:
    """Carry out an edit and return the result's bytes; a cancel of this coroutine cancels the job.

    Raises ``UsageError`` when the gateway refuses the request, ``CommandError`` when the edit fails and
    ``UnreachableError`` when there is no gateway.
    """
    with _reachable(client):
        job = await _submit(client, order)
        try:
            last = await _follow(client, job, report)
        except asyncio.CancelledError:
            await _cancel(client, job)
            raise
        if last.status is not State.DONE:
            raise CommandError(last.error or f"The edit ended as {last.status}.")
        answer = await client.get(f"/api/generate/result-image/{job}", headers={"Accept": accept})
        _raise_for_problem(answer)
        return answer.content


async def _submit(client: httpx.AsyncClient, order: Order) -> str:
    with contextlib.ExitStack() as opened:
        files = {name: (path.name, opened.enter_context(path.open("rb"))) for name, path in order.files().items()}
        if files:
            answer = await client.post("/api/generate/async", data=order.form(), files=files)
        else:
            answer = await client.post("/api/generate/async", json=order.form())
    _raise_for_problem(answer)
    return str(answer.json()["task_id"])


async def _follow(client: httpx.AsyncClient, job: str, report: Report) -> Status:
    """Report each event until the final one and return that; a broken stream is taken up where it broke."""
    last_id = ""
    for attempt in range(_STREAM_ATTEMPTS):
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        try:
            async with client.stream("GET", f"/api/generate/stream/{job}", headers=headers) as answer:
                if not answer.is_success:
                    await answer.aread()
                    _raise_for_problem(answer)
                async for event_id, data in _events(answer):
                    last_id, status = event_id, Status.parse(data)
                    report(status)
                    if status.status.is_final:
                        return status
        except (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ConnectError):
            if attempt == _STREAM_ATTEMPTS - 1:
                raise
        await asyncio.sleep(0.5 * 2**attempt)
    raise CommandError("The gateway ended the job's event stream without a final event.")


async def _events(answer: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Yield the id and data of each server-sent event that has data (WHATWG HTML, 9.2.6)."""
    last_id, data = "", list[str]()
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "id":
            last_id = value
        elif not line and data:
            yield last_id, "\n".join(data)
            data = []


async def _cancel(client: httpx.AsyncClient, job: str) -> None:
    with contextlib.suppress(httpx.HTTPError):  # it is being given up either way
        await client.delete(f"/api/generate/{job}")


@contextlib.contextmanager
def _reachable(client: httpx.AsyncClient) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableError(
            f"Cannot reach Darkroom at {str(client.base_url).rstrip('/')} ({str(error) or type(error).__name__}). "
            "Start it with `make up`, or name another address with --url."
        ) from error


def _raise_for_problem(answer: httpx.Response) -> None:
    """Raise what a problem document says (RFC 9457)."""
    if answer.is_success:
        return
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"The gateway answered {answer.status_code} {answer.reason_phrase} to {answer.request.url.path}."
    if answer.status_code in _REFUSALS:
        raise UsageError(detail)
    raise CommandError(detail)
