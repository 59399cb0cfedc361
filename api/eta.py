"""How long a job will take, from what the ledger knows. Pure."""

from tasks.ledger import QueueDepth

MAX_RETRY_SECONDS = 120.0
"""Nobody should be sent away for longer on an estimate."""


def eta_seconds(
    *, position: int | None, busy: int, slots: int, typical_seconds: float | None, progress: float
) -> float | None:
    """Estimate the seconds until a job is done; None where there is nothing to go by.

    ``position`` is 1 for the job that is served next and None for one that is being generated. Jobs that run now
    (``busy``) are taken as half done.
    """
    if typical_seconds is None:
        return None
    if position is None:
        return round(typical_seconds * (1 - progress), 1)
    if slots <= 0:
        return None
    idle = slots - busy
    rounds = 0.0 if position <= idle else (position - 1 + busy / 2) / slots
    return round(typical_seconds * (rounds + 1), 1)


def retry_seconds(depth: QueueDepth, limit: int) -> float:
    """Estimate when a full queue has room again.

    The head of the line has waited ``oldest_seconds`` while the jobs that are now behind it came in; a line that is as
    long as it was then moves up one place each ``oldest_seconds / length`` (Little's law).
    """
    length = max(depth.waiting_jobs, depth.messages, 1)
    excess = max(1, length - limit + 1)
    return min(MAX_RETRY_SECONDS, max(1.0, depth.oldest_seconds / length * excess))
