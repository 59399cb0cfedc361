"""Where a job is, as the gateway tells it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

FINAL_STATES = frozenset({"done", "error", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a job is."""

    job_id: str
    state: str
    """queued, preprocessing, loading, processing; ``done``, ``error`` and ``cancelled`` are final."""
    progress: float = 0.0
    """0 to 1."""
    current_step: int = 0
    total_steps: int = 0
    """0 until it is known."""
    queue_position: int | None = None
    """1 is served next; None once the job is being generated."""
    eta_seconds: float | None = None
    """Estimate of the seconds until it is done; None while there is nothing to go by."""
    loading_message: str | None = None
    """What the job waits for beside its place in the queue, such as a model that loads."""
    message: str | None = None
    """What is being done."""
    preview_image_id: str | None = None
    """A small image of the state of the work, for ``client.download``; only with ``preview_every``."""
    error: str | None = None
    """Why the job failed, in a sentence."""
    error_code: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the job can never change again."""
        return self.state in FINAL_STATES

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Read what the gateway tells; what a newer one adds is left out."""
        known = {name: told[name] for name in _FIELDS & told.keys() if told[name] is not None}
        return cls(job_id=told["task_id"], state=told["status"], **known)

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """Read its JSON."""
        return cls.of(json.loads(data))


_FIELDS = {each.name for each in fields(Status)} - {"job_id", "state"}
