"""Flower as a viewer behind a login: ``python -m darkroom.flower [options of Flower]``.

Flower's own command leaves /metrics open to everybody, and asks workers for what they do not answer: remote control is
off (docs/decisions/0004). FLOWER_BASIC_AUTH holds the login, where no list of processes shows it.
"""

import atexit
import signal
import sys
from types import FrameType
from typing import Any

from celery.app.control import Control
from flower.app import Flower
from flower.command import apply_env_options, apply_options, extract_settings, setup_logging
from flower.urls import settings
from flower.views.monitor import Metrics
from tornado.options import options
from tornado.web import authenticated

from tasks.app import app

DEFAULTS = (
    "--persistent=True",
    # Bounds what is kept in memory and written at the end.
    "--max_tasks=10000",
    "--purge_offline_workers=60",
    "--logging=error",
)


class ProtectedMetrics(Metrics):
    """Prometheus metrics, for those who have the login: they name workers and tasks."""

    @authenticated
    async def get(self) -> None:
        """Answer as Flower does."""
        await super().get()


class SilentControl(Control):
    """Says nothing to workers; what Flower knows comes from their events."""

    def broadcast(self, *_: Any, **__: Any) -> None:
        """Return as if nobody had answered."""


def viewer(arguments: list[str]) -> Flower:
    """Build Flower with its options from the environment and the arguments, which win. Nothing is opened yet.

    Raises ``SystemExit`` with a sentence where no login is set.
    """
    apply_env_options()
    apply_options("flower", [*DEFAULTS, *arguments])
    if not (options.basic_auth or options.auth):
        sys.exit("Flower needs a login: set FLOWER_BASIC_AUTH=user:password.")
    options.read_only = True
    options.enable_events = False
    extract_settings()
    setup_logging()
    app.control_cls = SilentControl
    flower = Flower(capp=app, options=options, **settings)
    # Asked before Flower's own handlers, which stay for all else.
    flower.add_handlers(".*", [(r"(?:/.*)?/metrics", ProtectedMetrics)])
    return flower


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    flower = viewer(sys.argv[1:])
    atexit.register(flower.stop)
    signal.signal(signal.SIGTERM, _leave)
    flower.start_http_server()
    try:
        flower.start()
    except KeyboardInterrupt:
        sys.exit(0)


def _leave(_: int, __: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
