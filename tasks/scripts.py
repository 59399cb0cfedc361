"""The ledger's Lua scripts, as a server takes them: flags, constants from the settings, ``prelude.lua``, the script."""

from collections.abc import Iterable, Mapping
from importlib import resources

from tasks import metrics
from tasks.metrics import JOB_BUCKETS
from tasks.queues import Queue
from tasks.settings import settings

SCRIPTS = (
    *("announce", "cancel", "celery_meta", "claim", "dead", "due", "enter", "events", "figures", "finish", "launch"),
    *("open_jobs", "overview", "part", "postpone", "read", "recall", "release", "renew", "reply", "requeue"),
    *("set_back", "submit", "tell", "unbury"),
    *("webhook_begin", "webhook_secret", "webhook_settle", "webhook_take"),
)
"""Names of files in ``tasks/lua``."""

_READS = frozenset({"celery_meta", "dead", "events", "figures", "open_jobs", "overview", "read"})
_BEGINS = frozenset({"claim", "recall", "reply", "requeue", "submit"})
"""Refused by a server without memory: it starts nothing, and keeps no replies. A job that runs may end, be given back,
and tell how far it is."""

_COUNTED_HERE: Mapping[str, metrics.Family] = {
    "JOBS_ACCEPTED": metrics.JOBS_ACCEPTED,
    "JOBS_FINISHED": metrics.JOBS_FINISHED,
    "JOBS_REQUEUED": metrics.JOBS_REQUEUED,
    "JOB_ERRORS": metrics.JOB_ERRORS,
    "JOB_SECONDS": metrics.JOB_SECONDS,
    "JOB_STAGE_SECONDS": metrics.JOB_STAGE_SECONDS,
}
"""Families to which the scripts add, by their names there."""


def source(script: str) -> str:
    """Return a script's text."""
    folder = resources.files("tasks") / "lua"
    flags = " flags=no-writes" if script in _READS else "" if script in _BEGINS else " flags=allow-oom"
    files = ("prelude", script)
    return f"#!lua{flags}\n" + _constants() + "".join((folder / f"{name}.lua").read_text() for name in files)


def _constants() -> str:
    limits = settings()
    values = {
        "GRACE": limits.grace_seconds,
        "HELD_LOOK": limits.held_look_seconds,
        "JOBS_AHEAD": limits.jobs_ahead,
        "DEAD_MAX": limits.dead_letters_kept,
        "DEAD_SECONDS": limits.image_retention_seconds,
        "EVENTS_MAX": limits.events_kept,
        "FAILURES_MAX": limits.failures_kept,
        "PREPARATION": f"'{Queue.IMAGE_UTILS}'",
        "COUNTED": _table(f"{name} = '{family.name}'" for name, family in _COUNTED_HERE.items()),
        "JOB_BUCKETS": _table(f"'{most:g}'" for most in JOB_BUCKETS),
    }
    return "".join(f"local {name} = {value}\n" for name, value in values.items())


def _table(entries: Iterable[str]) -> str:
    return f"{{ {', '.join(entries)} }}"
