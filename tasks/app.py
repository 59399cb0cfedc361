"""The Celery app, and what a process that uses it has open."""

from functools import cached_property
from typing import Any

from celery import Celery, signals
from celery.app.amqp import AMQP, task_message

from tasks import logs, messages, store, tracing
from tasks.ledger import Ledger
from tasks.runtime import Runtime
from tasks.settings import settings
from tasks.store import ImageStore
from tasks.tracing import Tracing


class Envelopes(AMQP):
    """Celery's messages, whose arguments events and Flower show as we describe them."""

    def as_task_v2(
        self, task_id: str, name: str, args: Any = None, kwargs: Any = None, *more: Any, **options: Any
    ) -> task_message:
        """Build a message as Celery does."""
        shown = messages.described(task_id, args or (), kwargs or {}, options.get("headers") or {})
        options = {**options, "argsrepr": shown.args, "kwargsrepr": shown.kwargs}
        return super().as_task_v2(task_id, name, args, kwargs, *more, **options)


class Darkroom(Celery):
    """Celery with what our tasks need: the ledger everywhere, the runtime in workers."""

    amqp_cls = Envelopes
    _runtime: Runtime | None = None
    tracing: Tracing = tracing.OFF
    """The traces of this process; on from its start, or its fork, where they are asked for."""
    watched_as: str = ""
    """This worker's name in the task events that it sends; empty in a process that sends none."""

    @property
    def ledger(self) -> Ledger:
        """The ledger, over the result backend's address."""
        ledger: Ledger = self.backend.ledger
        return ledger

    @cached_property
    def images(self) -> ImageStore:
        """The image store of a client; a worker's is in its runtime. Raises ``UnavailableError`` if none is known."""
        return store.connect(settings(), self.ledger.client)

    @property
    def runtime(self) -> Runtime:
        """What a worker opened at its start. Raises ``RuntimeError`` in any other process."""
        if self._runtime is None:
            raise RuntimeError("The runtime is opened when a worker starts; this process is none.")
        return self._runtime

    @runtime.setter
    def runtime(self, runtime: Runtime) -> None:
        self._runtime = runtime


app = Darkroom("darkroom", task_cls="tasks.base:DarkroomTask", config_source="celeryconfig")


@signals.before_task_publish.connect
def _stamp(headers: dict[str, Any], **_: Any) -> None:
    headers.update(messages.stamps(headers))


logs.listen()
if tracing.is_wanted():
    tracing.listen()
