"""From an order to its answer: jobs submitted, waited for, and cancelled if nobody waits any more."""

import contextlib
import time
from collections.abc import AsyncIterator, Sequence

import structlog
from anyio import CancelScope
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

from api import jobs
from api.access import Caller
from api.gateway import Gateway
from api.openai.asking import Order
from api.openai.errors import goes_on
from api.openai.events import Following, follow
from api.openai.pictures import made, with_base64, with_urls
from tasks.errors import DarkroomError
from tasks.jobs import Job

log = structlog.get_logger(__name__)

_NO_STORE = {"Cache-Control": "no-store"}


async def submitted(gateway: Gateway, order: Order, caller: Caller, key: str | None) -> list[str]:
    """Return the ids of an order's jobs, all of which exist.

    Errors as ``jobs.admit`` and ``jobs.submit``. Without a key none of the jobs is left then; with one the client's
    next try finds those that were made.
    """
    ids: list[str] = []
    submissions = await jobs.admit_edits(gateway, order.asked, owner=caller.owner, key=key)
    try:
        for submission in submissions:
            receipt = await jobs.submit(gateway, submission)
            ids.append(receipt.job_id)
    except DarkroomError:
        if key is None:
            await dropped(gateway, ids, caller.owner)
        raise
    return ids


async def answered(request: Request, gateway: Gateway, order: Order, ids: Sequence[str], caller: Caller) -> Response:
    """Return the pictures of jobs.

    Raises the first error that one of them ended with, or ``UnavailableError`` (wait_expired): the jobs then go on.
    """
    pictures = [await made(gateway, job, order.form) for job in await _done(gateway, ids)]
    head = {
        "created": int(time.time()),
        "background": "opaque",
        "output_format": str(order.form.format),
        "size": pictures[0].size,
    }
    if order.by_url:
        body = await with_urls(gateway, caller, str(request.base_url), head, pictures)
        return Response(body, headers=_NO_STORE, media_type="application/json")
    content = await _begun(with_base64(gateway, head, pictures))
    return StreamingResponse(content, headers=_NO_STORE, media_type="application/json")


class JobStream(EventSourceResponse):
    """The events of an order's job; a client that leaves before their end cancels it, unless it has a key to return."""

    def __init__(self, gateway: Gateway, following: Following, owner: str, key: str | None) -> None:
        super().__init__(self._watched(follow(gateway, following)), headers={**_NO_STORE, "X-Accel-Buffering": "no"})
        self._gateway = gateway
        self._job_id = following.job_id
        self._owner = owner
        self._is_over = key is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if not self._is_over:
                with CancelScope(shield=True):
                    await dropped(self._gateway, [self._job_id], self._owner)

    async def _watched(self, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for event in events:
            yield event
        self._is_over = True


async def dropped(gateway: Gateway, ids: Sequence[str], owner: str) -> None:
    """Cancel jobs that nobody waits for any more."""
    for job_id in ids:
        try:
            await jobs.cancel(gateway, job_id, owner)
        except DarkroomError as error:
            log.warning("job.not_cancelled", job_id=job_id, reason=error.detail)


async def _done(gateway: Gateway, ids: Sequence[str]) -> list[Job]:
    until = time.monotonic() + gateway.settings.images_wait_seconds
    done: list[Job] = []
    with contextlib.ExitStack() as stack:
        waiters = [stack.enter_context(gateway.waiters.watch(job_id)) for job_id in ids]
        for job_id, waiter in zip(ids, waiters, strict=True):
            job = await jobs.wait(gateway, job_id, waiter, until - time.monotonic())
            if job is None:
                raise goes_on(ids)
            if job.error is not None:
                # With one of its jobs the request has failed; what the others would make has no reader.
                await dropped(gateway, ids, job.owner)
                raise job.error
            done.append(job)
    return done


async def _begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return the pieces once the first picture could be read: until then an error still has a status of its own."""
    first = [await anext(pieces), await anext(pieces)]

    async def all_of_them() -> AsyncIterator[bytes]:
        for piece in first:
            yield piece
        async for piece in pieces:
            yield piece

    return all_of_them()
