"""Using Darkroom from Python without the gateway: only the broker's address is needed (``REDIS_URL``).

>>> from tasks import Edit, Operation, put_image, submit            # doctest: +SKIP
>>> edit = Edit(operation=Operation.WHITE_BALANCE, photo=put_image("photo.jpg"))   # doctest: +SKIP
>>> submit(edit).image()                                            # doctest: +SKIP
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks import ledger
from tasks.app import app
from tasks.errors import ErrorCode, NotFoundError, UnavailableError
from tasks.jobs import Edit, Event, Job, State
from tasks.queues import Priority
from tasks.store import LOCAL_OWNER
from tasks.submission import prepare

BLOCK_MS = 2000
"""One blocking read of the event stream; under the socket's timeout of 5 s."""


@dataclass(frozen=True, slots=True)
class JobHandle:
    """A submitted job."""

    id: str

    def status(self) -> Job:
        """Return the record as it is now. Raises ``NotFoundError`` (job_unknown) once it has expired."""
        return self._read()[0]

    def events(self, after: str = "0-0") -> Iterator[Event]:
        """Yield each event, past and to come, and end after the one with a final state."""
        self._read()
        while True:
            fresh = app.ledger.apply(ledger.events(self.id, after))
            for event in fresh:
                yield event
                after = event.id
                if event.state.is_final:
                    return
            if not fresh:
                app.ledger.client.xread({ledger.events_key(self.id): after}, block=BLOCK_MS, count=1)

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait for the end and return the result, with the picture as ``image_id``.

        Raises the job's own error (``InputError``, ``ProcessingError``), ``ConflictError`` (job_cancelled), or
        ``UnavailableError`` (wait_expired) after ``timeout`` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            job, last = self._read()
            if job.state.is_final:
                if job.error is not None:
                    raise job.error
                return job.result or {}
            left = BLOCK_MS if deadline is None else min(BLOCK_MS, int(1000 * (deadline - time.monotonic())))
            if left <= 0:
                raise UnavailableError(ErrorCode.WAIT_EXPIRED, f"The job is still {job.state} after {timeout} seconds.")
            app.ledger.client.xread({ledger.events_key(self.id): last}, block=left, count=1)

    def image(self, timeout: float | None = None) -> bytes:
        """Wait for the end and return the picture's bytes (PNG). Errors as ``result``."""
        return open_image(self.result(timeout)["image_id"])

    def cancel(self) -> State:
        """Cancel the job and return its final state: cancelled, or what it had ended in before."""
        state = app.ledger.apply(ledger.cancel(self.id))
        if state is None:
            raise _unknown(self.id)
        return state

    def _read(self) -> tuple[Job, str]:
        read = app.ledger.apply(ledger.read(self.id))
        if read is None:
            raise _unknown(self.id)
        return read


def submit(edit: Edit, *, priority: Priority = Priority.INTERACTIVE, job_id: str | None = None) -> JobHandle:
    """Submit an edit; the same ``job_id`` with the same edit is the same job.

    Raises ``InputError``, ``ConflictError`` (job_exists) if the id belongs to another edit, ``UnavailableError``.
    """
    for image in (edit.photo, edit.mask, edit.reference, edit.reference_mask):
        if image is not None:
            app.images.metadata(image)
    submission = prepare(edit, owner=LOCAL_OWNER, priority=priority, job_id=job_id)
    return JobHandle(app.ledger.apply(submission.move).accepted())


def put_image(image: bytes | str | Path) -> str:
    """Store an image (its bytes or its file) and return its id. Raises ``InputError`` if it is none."""
    data = image if isinstance(image, bytes) else Path(image).read_bytes()
    return app.images.put(data).id


def open_image(image_id: str) -> bytes:
    """Return an image's bytes. Raises ``NotFoundError`` (image_unknown)."""
    return app.images.open(image_id)


def _unknown(job_id: str) -> NotFoundError:
    return NotFoundError(ErrorCode.JOB_UNKNOWN, f"There is no job {job_id}; finished jobs are kept for a day.")
