"""Celery's pool of processes, mended where a child's death costs the worker.

Each of the five was measured on Celery 5.7: a child that ends keeps its pool waiting for a second; one whose last
result nobody awaits keeps a worker that stops waiting for thirty; one that died is replaced only 5 s later where its
pipe closes before the system tells of its end; one that died just before a reconnect, or in the middle of a message,
ends the whole worker.
"""

import os
import signal
from collections.abc import Callable
from inspect import isgenerator
from typing import NoReturn

import structlog
from billiard.pool import DEATH, TERMINATE, WorkersJoined
from billiard.process import Process
from celery.concurrency.asynpool import AsynPool, ResultHandler, Worker, _select as select
from celery.concurrency.prefork import TaskPool
from kombu.asynchronous import Hub

from tasks.settings import settings

log = structlog.get_logger(__name__)


class Child(Worker):
    """What runs in a process of the pool."""

    def _do_exit(self, pid: int, exitcode: int | None, exc: Exception | None = None) -> NoReturn:
        """Say that this process ends, and end: the word stays in the pipe.

        Billiard sleeps for a second in between, and whoever stops the pool with it. SIGTERM, with which the main
        process answers, would leave the pipe half written.
        """
        status = exitcode if exitcode is not None else int(exc is not None)
        try:
            if self.on_exit is not None:
                self.on_exit(pid, status)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            self.outq.put((DEATH, (pid, status)))
        finally:
            os._exit(status)


class Results(ResultHandler):
    """What children say."""

    LOOK_SECONDS = 0.1
    """Between two looks for a child that has ended without a word, while all of them are being stopped."""

    def on_stop_not_started(self) -> None:
        """Listen to the children until all of them have ended.

        Celery does so while it awaits a result, and at a worker's stop it forgets those whose child has not said yet
        that it begins: that child waits for 30 s to be heard. Without an event loop nothing was sent to anybody.
        """
        while self._hub is not None and self._state != TERMINATE:
            if self.check_timeouts is not None:
                self.check_timeouts()
            fds = set(self.fileno_to_outq)
            for fd in select(fds, timeout=self.LOOK_SECONDS)[0]:
                self._hear(fd)
            try:
                self.join_exited_workers(shutdown=True)
            except WorkersJoined:
                return

    def _hear(self, fd: int) -> None:
        """Read from a child what is there, as the event loop would: never more, as the rest may never come."""
        heard, arguments = self._hub.readers.get(fd, (self.handle_event, (fd,)))
        try:
            next(heard) if isgenerator(heard) else heard(*arguments)
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001
            _log_torn(fd, error)
            self.fileno_to_outq.pop(fd, None)


class ProcessPool(AsynPool):
    """Children that die at the worst moment."""

    Worker = Child
    ResultHandler = Results

    @property
    def timers(self) -> dict[Callable[[], None], float]:
        """What the event loop calls, and how often in seconds: here, replace what has died."""
        return {self.maintain_pool: settings().pool_look_seconds}

    def process_flush_queues(self, proc: Process) -> None:
        """Read what an ended child has left, as far as it is a message.

        A child that is killed, as at its time limit, leaves half of one; what the rest of a pipe then reads as can be
        any error of pickle's. Its job is redone or fails as with every child that is lost.
        """
        try:
            super().process_flush_queues(proc)
        except Exception as error:  # noqa: BLE001
            _log_torn(proc.outqR_fd, error)

    def _track_child_process(self, proc: Process, hub: Hub) -> None:
        """Watch for a child's end.

        Celery watches each child anew after a lost connection, and raises over one whose pipe has closed, but whose
        end the system has not told yet.
        """
        if getattr(proc, "_sentinel_poll", proc) is None:
            del proc._sentinel_poll
        super()._track_child_process(proc, hub)


class Processes(TaskPool):
    """The pool of the ``prefork`` profiles."""

    Pool = ProcessPool


def _log_torn(fd: int, error: Exception) -> None:
    log.warning("pool.torn_message", fd=fd, reason=f"{type(error).__name__}: {error}")
