"""Telling a client's server that a job has ended: signed as Standard Webhooks say, at least once.

https://www.standardwebhooks.com describes the headers and the signature; docs/webhooks.md what a receiver is promised.
"""

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import structlog
from standardwebhooks import Webhook

from tasks import ledger, outbox
from tasks.app import app
from tasks.base import DarkroomTask
from tasks.destinations import Policy, RefusedError
from tasks.egress import Egress, Patience, UnreachableError
from tasks.jobs import Job
from tasks.ledger import Ledger, Token
from tasks.outbox import Attempt, Begun, Outcome
from tasks.settings import settings

USER_AGENT = f"Darkroom-Webhooks/{version('darkroom')}"
JITTER = 0.2
"""Of a wait, at random: what failed together comes back spread."""
_GONE = 410

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What is told of one end of one job: the same in every attempt, so that receivers can tell repetitions."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an attempt, and why."""

    outcome: Outcome
    reason: str = ""


class DeliveryTask(DarkroomTask):
    """Works for the job that it tells about."""

    abstract = True

    @property
    def job_id(self) -> str:
        """Its argument, whatever a stranger has put there."""
        return str(next(iter(self.request.args or ()), ""))


@app.task(bind=True, base=DeliveryTask, ignore_result=True)
def deliver(self: DarkroomTask, job_id: str) -> str:
    """Make the next attempt to tell a job's end, if one is due; return what came of it."""
    token = ledger.new_token(job_id)
    attempt = self.ledger.apply(outbox.begin(token))
    read = self.ledger.apply(ledger.read(job_id)) if attempt.answer is Begun.BEGUN else None
    if read is None:
        log.info("webhook.not_begun", job_id=job_id, reason=attempt.answer)
        return attempt.answer
    verdict = _attempted(self.ledger, self.app.runtime.egress, read[0], attempt)
    return _settled(self.ledger, token, attempt, verdict)


def egress() -> Egress:
    """Return the way out as the settings limit it."""
    limits = settings()
    return Egress(
        Policy(limits.webhook_networks), Patience(limits.webhook_connect_seconds, limits.webhook_total_seconds)
    )


def message_of(job: Job) -> Message:
    """Return the message about an ended job: how it ended and where its result is, no prompt and no pixels."""
    finished_at = job.finished_at or 0.0
    error = job.failure
    base = "/api/generate"
    payload: dict[str, Any] = {
        "type": f"job.{job.state}",
        "timestamp": _iso(finished_at),
        "data": {
            "task_id": job.id,
            "status": job.state,
            "operation": job.edit.operation,
            "error": error.detail if error else None,
            "error_code": error.code if error else None,
            "created_at": _iso(job.created_at),
            "finished_at": _iso(finished_at),
            "status_url": f"{base}/status/{job.id}",
            "result_url": f"{base}/result/{job.id}",
            "result_image_url": f"{base}/result-image/{job.id}",
        },
    }
    # Of the job and of its end: a job that is replayed ends anew, which is news.
    digest = hashlib.sha256(f"{job.id}\n{finished_at:.6f}".encode()).hexdigest()
    return Message(f"msg_{digest[:32]}", json.dumps(payload, separators=(",", ":")))


def signed_headers(message: Message, secrets: Iterable[str], at: datetime) -> list[tuple[str, str]]:
    """Return the headers of an attempt at that time, with one signature for each secret."""
    # The library reads the time's digits as UTC, whatever its zone says.
    at = at.astimezone(UTC)
    signatures = [Webhook(secret).sign(message.id, at, message.body) for secret in secrets]
    return [
        ("Content-Type", "application/json"),
        ("User-Agent", USER_AGENT),
        ("webhook-id", message.id),
        ("webhook-timestamp", str(int(at.timestamp()))),
        ("webhook-signature", " ".join(signatures)),
    ]


def verdict_on(status: int) -> Verdict:
    """Decide what an answer's status means."""
    if 200 <= status < 300:
        return Verdict(Outcome.DELIVERED)
    return Verdict(Outcome.GONE if status == _GONE else Outcome.POSTPONED, f"the answer was {status}")


def wait_after(attempt: int, waits: Sequence[float], spread: float) -> float | None:
    """Return the seconds until the attempt after this one, ``spread`` from -1 to 1; None after the last one."""
    return waits[attempt - 1] * (1 + JITTER * spread) if attempt <= len(waits) else None


def _attempted(book: Ledger, egress: Egress, job: Job, attempt: Attempt) -> Verdict:
    if attempt.number > len(settings().webhook_retry_seconds) + 1:
        return Verdict(Outcome.POSTPONED, "the worker died in the last attempt")
    message = message_of(job)
    secrets = book.apply(outbox.secret_of(job.owner))
    headers = signed_headers(message, secrets.signing, datetime.now(UTC))
    try:
        return verdict_on(egress.post(job.webhook or "", headers, message.body.encode()))
    except RefusedError as error:
        return Verdict(Outcome.REFUSED, str(error))
    except UnreachableError as error:
        return Verdict(Outcome.POSTPONED, str(error))


def _settled(book: Ledger, token: Token, attempt: Attempt, verdict: Verdict) -> Outcome:
    outcome, wait = verdict.outcome, None
    if outcome is Outcome.POSTPONED:
        spread = random.uniform(-1, 1)  # noqa: S311 - no secret
        wait = wait_after(attempt.number, settings().webhook_retry_seconds, spread)
        outcome = Outcome.GIVEN_UP if wait is None else outcome
    book.apply(outbox.settle(token, outcome, wait or 0))
    told = {"job_id": token.job_id, "attempt": attempt.number, "reason": verdict.reason}
    if outcome is Outcome.GIVEN_UP:
        log.error("webhook.given_up", **told)
    else:
        log.info("webhook.attempted", outcome=outcome, wait=wait, **told)
    return outcome


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
