"""What the ledger's scripts answer, as values."""

import json
from typing import Any

from tasks.errors import ErrorCode
from tasks.jobs import Edit, Event, Failure, Job, Role, Stage, State
from tasks.queues import Priority
from tasks.tracing import TRACEPARENT


def job_of(job_id: str, reply: Any) -> tuple[Job, str]:
    """Read the answer of ``read``: the record, and the id of the job's last event."""
    flat, rank, seconds, last_event = reply
    record = _fields(flat)
    job = Job(
        id=job_id,
        edit=Edit.model_validate_json(record["edit"]),
        owner=record["owner"],
        priority=Priority(int(record["priority"])),
        state=State(record["state"]),
        stage=Stage(record["stage"]),
        created_at=float(record["created_at"]),
        enqueued_at=float(record["enqueued_at"]),
        started_at=_optional_float(record.get("started_at")),
        finished_at=_optional_float(record.get("finished_at")),
        lease_until=float(record["lease_until"]),
        attempts=int(record["attempts"]),
        launch=record["launch"],
        progress=float(record["progress"]),
        step=int(record["step"]),
        total_steps=int(record["total_steps"]),
        message=record["message"],
        preview=record.get("preview") or None,
        request_id=record["request_id"],
        webhook=record.get("webhook") or None,
        worker=record["worker"],
        traceparent=record.get(TRACEPARENT, ""),
        parts={Role(name[5:]): value for name, value in record.items() if name.startswith("part:")},
        result=json.loads(record["result"]) if record.get("result") else None,
        failure=_failure_of(record.get("failure")),
        queue_position=rank,
        typical_seconds=_optional_float(seconds),
    )
    return job, last_event


def event_of(event_id: str, flat: list[str]) -> Event:
    """Read one entry of a job's event stream."""
    fields = _fields(flat)
    return Event(
        id=event_id,
        state=State(fields["state"]),
        progress=float(fields["progress"]),
        step=int(fields["step"]),
        total_steps=int(fields["total_steps"]),
        message=fields["message"],
        preview=fields["preview"] or None,
        at=float(fields["at"]),
    )


def _failure_of(text: str | None) -> Failure | None:
    if not text:
        return None
    fields = json.loads(text)
    return Failure(ErrorCode(fields["code"]), fields["detail"])


def _fields(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _optional_float(text: str | None) -> float | None:
    return float(text) if text else None
