"""Flower as a viewer behind a login: ``python -m darkroom.flower [options of Flower]``.

Flower's own command leaves /metrics open to everybody, and asks workers for what they do not answer: remote control is
off (docs/decisions/0004). FLOWER_BASIC_AUTH holds the login, where no list of processes shows it; FLOWER_URL_PREFIX
puts everything below a path.
"""

import atexit
import re
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any
from urllib.parse import urlencode

from celery.app.control import Control
from flower.app import Flower
from flower.command import apply_env_options, apply_options, extract_settings, setup_logging
from flower.urls import settings
from flower.views import BaseHandler
from flower.views.monitor import Healthcheck, Metrics
from tornado.options import options
from tornado.web import RedirectHandler, authenticated

from tasks.app import app

DEFAULTS: Mapping[str, Any] = {
    "persistent": True,
    # Written while it runs, too: a machine that goes away would take the whole history with it. Flower answers nobody
    # meanwhile: measured half a second for as many tasks as are kept.
    "state_save_interval": 300_000,
    # Bounds what is kept in memory and written.
    "max_tasks": 10_000,
    "purge_offline_workers": 60,
    # What somebody looks for first; the id of a job is among the arguments of all that works for it.
    "tasks_columns": "name,state,args,kwargs,runtime,worker,received",
    "logging": "error",
}
"""Where neither the environment (``FLOWER_`` and the name in upper case) nor the command line says otherwise."""


class ProtectedMetrics(Metrics):
    """Prometheus metrics, for those who have the login: they name workers and tasks."""

    @authenticated
    async def get(self) -> None:
        """Answer as Flower does."""
        await super().get()


class TasksOfWorker(BaseHandler):
    """Stands for a worker's page, which shows what the worker was asked for and would say that there is no such one."""

    @authenticated
    def get(self, name: str) -> None:
        """Go to the tasks that the worker has run."""
        self.redirect(f"{self.reverse_url('tasks')}?{urlencode({'worker': name})}")


class SilentControl(Control):
    """Says nothing to workers; what Flower knows comes from their events."""

    def broadcast(self, *_: Any, **__: Any) -> None:
        """Return as if nobody had answered."""


def viewer(arguments: list[str]) -> Flower:
    """Build Flower with its options from the environment and the arguments, which win. Nothing is opened yet.

    Raises ``SystemExit`` with a sentence where no login is set.
    """
    for name, value in DEFAULTS.items():
        setattr(options, name, value)
    apply_env_options()
    apply_options("flower", arguments)
    if not (options.basic_auth or options.auth):
        sys.exit("Flower needs a login: set FLOWER_BASIC_AUTH=user:password.")
    options.read_only = True
    options.enable_events = False
    extract_settings()
    setup_logging()
    app.control_cls = SilentControl
    flower = Flower(capp=app, options=options, **settings)
    # Asked before Flower's own handlers, which stay for all else.
    flower.add_handlers(".*", handlers((options.url_prefix or "").strip("/")))
    return flower


def handlers(prefix: str) -> list[Any]:
    """Return what answers in the place of Flower's own pages, which are below a prefix unless it is empty.

    Health answers beside the prefix, too: who asks for it need not know that.
    """
    below = f"/{re.escape(prefix)}" if prefix else ""
    ours: list[Any] = [(rf"{below}/metrics", ProtectedMetrics), (rf"{below}/worker/([^/]+)", TasksOfWorker)]
    if not prefix:
        return ours
    home = {"url": f"/{prefix}/", "permanent": False}
    return [*ours, (r"/healthcheck", Healthcheck), (rf"(?:/|{below})", RedirectHandler, home)]


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
