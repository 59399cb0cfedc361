"""A consumer that a malformed message cannot stop, and a watchdog that ends a process which no longer consumes.

Both mend what was measured on Celery 5.7 with Redis: a message without an id header reconnects the consumer for ever,
a body of the wrong shape ends it; and a worker can stop consuming while alive, after a half-open connection (its event
loop hangs) or a leaked acknowledgement (it believes that its slots are full). The supervisor starts a new process.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import redis
import structlog
from celery.bootsteps import StartStopStep
from celery.worker import state as celery_state
from celery.worker.consumer import Consumer
from kombu import Connection
from kombu.exceptions import DecodeError, SerializerNotInstalled
from kombu.message import Message
from kombu.serialization import ContentDisallowed

from tasks import ledger
from tasks.app import app
from tasks.headers import Embedded, Headers, flaw_in, is_deep
from tasks.messages import REQUEST_ID, described, job_of
from tasks.settings import settings
from tasks.transport import Transport

DEAD_MESSAGES_KEY = "darkroom:messages:dead"
EXIT_WEDGED = 70
"""EX_SOFTWARE of sysexits.h: the process found itself broken."""

_UNDECODABLE = (DecodeError, ContentDisallowed, SerializerNotInstalled, ValueError, LookupError, RecursionError)

log = structlog.get_logger(__name__)


class SafeConsumer(Consumer):
    """Puts malformed and unknown messages aside, and goes on."""

    def connect(self) -> Connection:
        """Connect, and close what was opened where the broker then refuses a write: without memory, or demoted.

        Celery forgets such a connection open, two sockets at each try.
        """
        conn: Connection = self.connection_for_read(heartbeat=self.amqheartbeat)
        with contextlib.ExitStack() as undo:
            undo.callback(conn.close)
            if self.hub is not None:
                conn.transport.register_with_event_loop(conn.connection, self.hub)
            undo.pop_all()
        return conn

    def connection_for_read(self, heartbeat: float | None = None) -> Connection:
        """Connect by our transport.

        The setting ``broker_transport`` would do the same for everybody, and Flower, which takes the broker's kind from
        the connection's address, would not know this one.
        """
        conn: Connection = self.app.connection_for_read(heartbeat=heartbeat)
        conn.get_transport_cls = lambda: Transport  # type: ignore[method-assign]
        return self.ensure_connected(conn)

    def ensure_connected(self, conn: Connection) -> Connection:
        """Connect, however long it takes, at a steady pace.

        Celery's own pauses grow to 30 s: for so long after the broker's return a worker would be deaf.
        """

        def tell(error: Exception, _pause: float) -> None:
            log.warning("broker.not_connected", reason=str(error))

        pause = settings().broker_reconnect_seconds
        connected: Connection = conn.ensure_connection(
            tell, None, interval_start=pause, interval_step=0, interval_max=pause, callback=celery_state.maybe_shutdown
        )
        self.first_connection_attempt = False
        return connected

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        """Return Celery's handler behind a check of the message's shape."""
        handle = super().create_task_handler(*args, **kwargs)

        def safely(message: Message) -> None:
            flaw = flaw_of(message)
            if flaw is None:
                _describe(message)
                # Celery takes its callback from the message.
                message.ack_log_error = partial(self._acknowledge, message)  # type: ignore[method-assign]
                handle(message)
            else:
                self._bury(message, flaw)
                message.reject_log_error(log, self.connection_errors)

        return safely

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        """Put aside a message that kombu could not take in, such as one that says it is compressed."""
        self._bury(message, f"the message cannot be read: {type(exc).__name__}")
        message.reject_log_error(log, self.connection_errors)

    def on_invalid_task(self, body: Any, message: Message, exc: BaseException) -> None:
        """Put aside a message that Celery finds unfit."""
        self._bury(message, f"Celery refuses it: {exc}")
        super().on_invalid_task(body, message, exc)

    def _acknowledge(self, message: Message, _logger: Any, errors: tuple[type[Exception], ...], **options: Any) -> None:
        """Acknowledge a message; if the broker does not hear it, connect again.

        Celery only logs that. The slot is then taken for good, and with its only slot taken a worker does not read
        from its connection any more: it would never notice that this one is dead.
        """
        try:
            message.ack(**options)
        except errors as error:
            log.warning("message.not_acknowledged", reason=str(error))
            if self.hub is None:
                raise
            self.hub.call_soon(_raise, error)

    def on_unknown_task(self, body: Any, message: Message, exc: BaseException) -> None:
        """Put aside a message for a task that nobody has."""
        self._bury(message, "unknown task")
        super().on_unknown_task(body, message, exc)

    def _bury(self, message: Message, flaw: str) -> None:
        letter = json.dumps({"flaw": flaw, "at": time.time(), **_excerpts(message)})
        with self.app.ledger.client.pipeline() as pipe:
            pipe.lpush(DEAD_MESSAGES_KEY, letter).ltrim(
                DEAD_MESSAGES_KEY, 0, settings().dead_messages_kept - 1
            ).execute()
        log.error("message.buried", flaw=flaw)


def _describe(message: Message) -> None:
    """Have what is shown of a message's arguments be ours, whoever sent it; and say that it came."""
    args, kwargs, _ = message.decode()
    headers = message.headers
    shown = described(headers["id"], args, kwargs, headers)
    message.headers = {**headers, "argsrepr": shown.args, "kwargsrepr": shown.kwargs}
    ids = {"task_id": headers["id"], REQUEST_ID: headers.get(REQUEST_ID) or ""}
    job_id = job_of(headers)
    log.info("task.received", task=headers["task"], **ids, **({"job_id": job_id} if job_id else {}))


def _excerpts(message: Message) -> dict[str, str]:
    body = message.body.decode(errors="replace") if isinstance(message.body, bytes) else str(message.body)
    try:
        headers = json.dumps(message.headers, default=repr)
    except (ValueError, TypeError, RecursionError) as error:
        headers = f"cannot be written: {type(error).__name__}"
    most = settings().dead_message_characters
    return {"headers": headers[:most], "body": body[:most]}


def _raise(error: Exception) -> NoReturn:
    """Raise in the event loop, which ends with it: the consumer starts over."""
    raise error


def flaw_of(message: Message) -> str | None:
    """Return what makes a message unfit for Celery's handler; None if it is well-formed."""
    try:
        body = message.decode()
    except _UNDECODABLE as error:
        return f"the body cannot be decoded: {type(error).__name__}"
    match body:
        case [list(), dict(), dict() | None as embedded]:
            if is_deep(body) or is_deep(message.headers):
                return "lists in lists in lists"
            return flaw_in(Headers, message.headers) or flaw_in(Embedded, embedded or {})
        case _:
            return "the body is not [args, kwargs, embed]"


class Watchdog(StartStopStep):
    """Ends the process when its event loop is silent or its slots have leaked, although its broker answers.

    While the broker is away the loop stands still in one attempt to connect after another, and a new process would do
    the same: it would cost its model, and mend nothing.
    """

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
            silent = consumer.hub is not None and now - self._ticked_at > settings().loop_silent_seconds
            self._leaking_since = (self._leaking_since or now) if _slots_leak(consumer) else None
            leaked = self._leaking_since is not None and now - self._leaking_since > settings().slots_leaked_seconds
            if (silent or leaked) and broker_answers():
                log.critical("watchdog.exit", loop_silent=silent, slots_leaked=leaked)
                os._exit(EXIT_WEDGED)
            if silent or leaked:
                log.warning("watchdog.broker_away", loop_silent=silent, slots_leaked=leaked)
                self._tick()
                self._leaking_since = None


def broker_answers() -> bool:
    """Whether the broker answers on a connection of its own, now."""
    with contextlib.closing(ledger.connect(settings().redis_url, patience_seconds=0).client) as client:
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False


def _slots_leak(consumer: Consumer) -> bool:
    """Whether more messages count as delivered than Celery works on: such a worker waits for itself."""
    channel = getattr(consumer.task_consumer, "channel", None)
    qos = getattr(channel, "qos", None)
    if qos is None:
        return False
    return len(qos._delivered) - len(qos._dirty) > len(celery_state.reserved_requests)


app.steps["consumer"].add(Watchdog)
