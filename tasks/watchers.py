"""Events about jobs that no event of Celery's ends, for Flower: without them it shows such a job as running for ever.

A job's row begins with its opening task and ends with its body. Where a part fails, the job is cancelled, or its
workers have died too often, no task says so: whoever learns of it does, once or several times.
"""

from typing import TYPE_CHECKING, Any

import redis
import structlog
from kombu.exceptions import OperationalError

from tasks.jobs import Job, State

if TYPE_CHECKING:
    from tasks.app import Darkroom

log = structlog.get_logger(__name__)


def show_end(app: "Darkroom", job: Job | None) -> None:
    """Tell how a job has ended, unless it was done, has not ended, or this worker sends no events."""
    if not app.watched_as or job is None:
        return
    match job.state:
        case State.ERROR:
            code = job.failure.code if job.failure else ""
            _send(app, "task-failed", job.id, exception=code, traceback="")
        case State.CANCELLED:
            _send(app, "task-revoked", job.id, terminated=False, signum=None, expired=False)


def _send(app: "Darkroom", event: str, job_id: str, **fields: Any) -> None:
    try:
        with app.events.default_dispatcher(hostname=app.watched_as) as dispatcher:
            dispatcher.send(event, retry=False, uuid=job_id, **fields)
    except (OperationalError, redis.RedisError) as error:
        log.info("event.not_sent", job_id=job_id, reason=str(error))
