"""A consumer that a malformed message cannot stop, and a watchdog that ends a process which no longer consumes.

Both mend what was measured on Celery 5.7 with Redis: a message without an id header reconnects the consumer for ever,
a body of the wrong shape ends it; and a worker can stop consuming while alive, after a half-open connection (its event
loop hangs) or a leaked acknowledgement (it believes that its slots are full). The supervisor starts a new process.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery.bootsteps import StartStopStep
from celery.worker import state as celery_state
from celery.worker.consumer import Consumer
from kombu.exceptions import DecodeError, SerializerNotInstalled
from kombu.message import Message
from kombu.serialization import ContentDisallowed

from tasks.app import app
from tasks.headers import Embedded, Headers, flaw_in, is_deep

DEAD_MESSAGES_KEY = "darkroom:messages:dead"
DEAD_MESSAGES_MAX = 1000
LONGEST_DEAD_BODY = 10_000
"""Characters of a dead message's body that are kept: five of our longest messages, and a thousand fit into 10 MB."""
EXIT_WEDGED = 70
"""EX_SOFTWARE of sysexits.h: the process found itself broken."""
LOOP_SILENT_SECONDS = 40
"""Over twice the longest reconnect that ended well in the fault runs (20.6 s)."""
SLOTS_LEAKED_SECONDS = 20

log = structlog.get_logger(__name__)


class SafeConsumer(Consumer):
    """Puts malformed and unknown messages aside, and goes on."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        """Return Celery's handler behind a check of the message's shape."""
        handle = super().create_task_handler(*args, **kwargs)

        def safely(message: Message) -> None:
            flaw = flaw_of(message)
            if flaw is None:
                handle(message)
            else:
                self._bury(message, flaw)
                message.reject_log_error(log, self.connection_errors)

        return safely

    def on_unknown_task(self, body: Any, message: Message, exc: BaseException) -> None:
        """Put aside a message for a task that nobody has."""
        self._bury(message, "unknown task")
        super().on_unknown_task(body, message, exc)

    def _bury(self, message: Message, flaw: str) -> None:
        body = message.body.decode(errors="replace") if isinstance(message.body, bytes) else str(message.body)
        headers = None if is_deep(message.headers) else message.headers
        letter = json.dumps(
            {"flaw": flaw, "at": time.time(), "headers": headers, "body": body[:LONGEST_DEAD_BODY]}, default=repr
        )
        with self.app.ledger.client.pipeline() as pipe:
            pipe.lpush(DEAD_MESSAGES_KEY, letter).ltrim(DEAD_MESSAGES_KEY, 0, DEAD_MESSAGES_MAX - 1).execute()
        log.error("message.buried", flaw=flaw)


def flaw_of(message: Message) -> str | None:
    """Return what makes a message unfit for Celery's handler; None if it is well-formed."""
    headers = message.headers
    if not isinstance(headers, dict) or not all(isinstance(headers.get(key), str) for key in ("id", "task")):
        return "the headers lack an id or a task"
    try:
        body = message.decode()
    except (DecodeError, ContentDisallowed, SerializerNotInstalled, ValueError, LookupError) as error:
        return f"the body cannot be decoded: {type(error).__name__}"
    match body:
        case [list(), dict(), dict() | None as embedded]:
            if is_deep(body) or is_deep(headers):
                return "lists in lists in lists"
            return flaw_in(Headers, headers) or flaw_in(Embedded, embedded or {})
        case _:
            return "the body is not [args, kwargs, embed]"


class Watchdog(StartStopStep):
    """Ends the process when its event loop is silent or its slots have leaked."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Consumer, **_: Any) -> None:
        """Prepare; nothing watches before ``start``."""
        super().__init__(consumer)
        self._ticked_at = time.monotonic()
        self._leaking_since: float | None = None
        self._stopped = threading.Event()

    def start(self, consumer: Consumer) -> None:
        """Watch this connection's consumer (Celery starts bootsteps again after each reconnect)."""
        self._stopped = threading.Event()
        self._tick()
        if consumer.hub is not None:
            consumer.hub.call_repeatedly(1, self._tick)
        threading.Thread(target=self._watch, args=(consumer, self._stopped), name="watchdog", daemon=True).start()

    def stop(self, consumer: Consumer) -> None:
        """Stop watching."""
        self._stopped.set()

    def _tick(self) -> None:
        self._ticked_at = time.monotonic()

    def _watch(self, consumer: Consumer, stopped: threading.Event) -> None:
        while not stopped.wait(1):
            now = time.monotonic()
            silent = consumer.hub is not None and now - self._ticked_at > LOOP_SILENT_SECONDS
            self._leaking_since = (self._leaking_since or now) if _slots_leak(consumer) else None
            leaked = self._leaking_since is not None and now - self._leaking_since > SLOTS_LEAKED_SECONDS
            if silent or leaked:
                log.critical("watchdog.exit", loop_silent=silent, slots_leaked=leaked)
                os._exit(EXIT_WEDGED)


def _slots_leak(consumer: Consumer) -> bool:
    """Whether more messages count as delivered than Celery works on: such a worker waits for itself."""
    channel = getattr(consumer.task_consumer, "channel", None)
    qos = getattr(channel, "qos", None)
    if qos is None:
        return False
    return len(qos._delivered) - len(qos._dirty) > len(celery_state.reserved_requests)


app.steps["consumer"].add(Watchdog)
