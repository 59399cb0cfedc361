"""Carry out what calls ask for, over httpx: blocking, and with await."""

import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any, Generic, TypeAlias, TypeVar

import anyio
import anyio.to_thread
import httpx

from darkroom.client.status import Status
from darkroom.client.steps import Compute, Flow, Open, Read, Reply, Request, Send, Step, Tell, Wait

T = TypeVar("T")

OnProgress: TypeAlias = Callable[[Status], object]
"""Is called with each change of a job; what it raises ends the wait."""


class Course(Generic[T]):
    """A call on its way: the step that it waits for, or its result."""

    def __init__(self, flow: Flow[T]) -> None:
        """Go to the first step."""
        self._flow = flow
        self.step: Step | None = None
        self.result: T
        self.send(None)

    def send(self, outcome: Any) -> None:
        """Go on with the outcome of the step."""
        try:
            self.step = self._flow.send(outcome)
        except StopIteration as end:
            self.step, self.result = None, end.value

    def throw(self, error: BaseException) -> None:
        """Go on with what the step has raised, unless the call raises it too."""
        if isinstance(error, GeneratorExit):
            self._flow.close()
            raise error
        try:
            self.step = self._flow.throw(error)
        except StopIteration as end:
            self.step, self.result = None, end.value


class Driver:
    """Blocks until each step is done."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def run(self, flow: Flow[T], on_progress: OnProgress | None = None) -> T:
        """Carry out a call."""
        course = Course(flow)
        with _Line(self._http) as line:
            while course.step is not None:
                try:
                    outcome = line.perform(course.step, on_progress)
                except BaseException as error:  # noqa: BLE001 - the call says what it means: an interrupt cancels a job
                    course.throw(error)
                else:
                    course.send(outcome)
        return course.result

    def iterate(self, flow: Flow[None]) -> Iterator[Status]:
        """Carry out a call and yield what it tells."""
        course = Course(flow)
        with _Line(self._http) as line:
            while course.step is not None:
                if isinstance(course.step, Tell):
                    yield course.step.status
                try:
                    outcome = line.perform(course.step, None)
                except Exception as error:  # noqa: BLE001 - as above
                    course.throw(error)
                else:
                    course.send(outcome)


class _Line(ExitStack):
    """A connection's use by one call: it has one stream at most."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__()
        self._http = http
        self._chunks: Iterator[bytes] = iter(())

    def perform(self, step: Step, on_progress: OnProgress | None) -> Any:
        match step:
            case Send(request):
                return _reply(self._http.send(_built(self._http, request)))
            case Open(request):
                self.close()
                response = self._http.send(_built(self._http, request), stream=True)
                self.callback(response.close)
                self._chunks = response.iter_bytes()
                return Reply(response.status_code, response.headers, b"")
            case Read():
                return next(self._chunks, b"")
            case Wait(seconds):
                return time.sleep(seconds)
            case Compute(work):
                return work()
            case Tell(status):
                return on_progress(status) if on_progress else None


class AsyncDriver:
    """Awaits each step."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def run(self, flow: Flow[T], on_progress: OnProgress | None = None) -> T:
        """Carry out a call."""
        course = Course(flow)
        async with _AsyncLine(self._http) as line:
            while course.step is not None:
                try:
                    outcome = await line.perform(course.step, on_progress)
                except BaseException as error:  # noqa: BLE001 - the call says what it means: its end cancels a job
                    course.throw(error)
                else:
                    course.send(outcome)
        return course.result

    async def iterate(self, flow: Flow[None]) -> AsyncIterator[Status]:
        """Carry out a call and yield what it tells."""
        course = Course(flow)
        async with _AsyncLine(self._http) as line:
            while course.step is not None:
                if isinstance(course.step, Tell):
                    yield course.step.status
                try:
                    outcome = await line.perform(course.step, None)
                except Exception as error:  # noqa: BLE001 - as above
                    course.throw(error)
                else:
                    course.send(outcome)


class _AsyncLine(AsyncExitStack):
    """A connection's use by one call: it has one stream at most."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        super().__init__()
        self._http = http
        self._chunks: AsyncIterator[bytes]

    async def perform(self, step: Step, on_progress: OnProgress | None) -> Any:
        match step:
            case Send(request, is_shielded):
                with anyio.CancelScope(shield=is_shielded):
                    return _reply(await self._http.send(_built(self._http, request)))
            case Open(request):
                await self.aclose()
                response = await self._http.send(_built(self._http, request), stream=True)
                self.push_async_callback(response.aclose)
                self._chunks = response.aiter_bytes()
                return Reply(response.status_code, response.headers, b"")
            case Read():
                return await anext(self._chunks, b"")
            case Wait(seconds):
                return await anyio.sleep(seconds)
            case Compute(work):
                return await anyio.to_thread.run_sync(work)
            case Tell(status):
                told = on_progress(status) if on_progress else None
                return await told if inspect.isawaitable(told) else told


def _built(http: httpx.Client | httpx.AsyncClient, request: Request) -> httpx.Request:
    timeout = http.timeout if request.seconds is None else httpx.Timeout(request.seconds)
    files = {name: (name, data) for name, data in request.files.items()}
    return http.build_request(
        request.method,
        request.path,
        headers=dict(request.headers),
        json=request.json,
        data=dict(request.form),
        files=files or None,
        timeout=timeout,
    )


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.status_code, response.headers, response.content)
