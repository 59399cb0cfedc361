"""Jobs that were set aside because each worker that took them died: looked at, and tried again."""

import uuid
from dataclasses import dataclass

from tasks import ledger
from tasks.errors import ConflictError, ErrorCode, NotFoundError
from tasks.jobs import Job, State
from tasks.ledger import Ledger
from tasks.submission import prepare


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead letters of one ledger. Blocking."""

    book: Ledger

    def jobs(self) -> list[Job]:
        """Return the jobs, the latest first; their records live as long as their images."""
        found = (self.book.apply(ledger.read(job_id)) for job_id in self.book.apply(ledger.dead()))
        return [read[0] for read in found if read is not None]

    def replay(self, job_id: str) -> str:
        """Try a job again as a new one and return that one's id: what has ended stays as it ended.

        The new id follows from the old one, so a job is replayed once, however often it is asked for.
        Raises ``NotFoundError`` (job_unknown), ``ConflictError`` (result_not_ready) for a job that did not fail.
        """
        read = self.book.apply(ledger.read(job_id))
        if read is None:
            raise NotFoundError(ErrorCode.JOB_UNKNOWN, f"There is no job {job_id}; its record may have expired.")
        job, _ = read
        if job.state is not State.ERROR:
            raise ConflictError(ErrorCode.RESULT_NOT_READY, f"The job {job_id} did not fail: it is {job.state}.")
        submission = prepare(
            job.edit,
            owner=job.owner,
            priority=job.priority,
            request_id=job.request_id,
            traceparent=job.traceparent,
            webhook=job.webhook or "",
            job_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"darkroom:replay:{job_id}")),
        )
        replayed = self.book.apply(submission.move).accepted()
        self.book.apply(ledger.unbury(job_id))
        return replayed
