"""Tasks of the ``jobs`` queue."""

import structlog

from tasks.app import app
from tasks.base import DarkroomTask
from tasks.settings import settings

log = structlog.get_logger(__name__)


@app.task(bind=True, ignore_result=True)
def expire_images(self: DarkroomTask) -> int:
    """Delete images that were last put longer ago than the retention; return how many objects went."""
    deleted = self.app.runtime.store.expire(settings().image_retention_seconds)
    log.info("store.expired", objects=deleted)
    return deleted
