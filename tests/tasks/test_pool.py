"""The pool of processes: what a child's death may cost."""

import os
import struct
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from billiard.pool import DEATH
from billiard.process import Process
from celery.concurrency.asynpool import AsynPool
from kombu.asynchronous import Hub

from tasks import pool as ours
from tasks.app import app
from tests import lab

TORN = struct.pack("!i", 40) + b"\x80\x04\x95\xff"
"""How a message begins whose writer was killed in the middle of it."""


def exit_status(child: Process) -> int:
    """Wait for a process's end."""
    child.join(20)
    assert child.exitcode is not None
    return int(child.exitcode)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """An event loop of kombu's."""
    made = Hub()
    yield made
    for fd in list(made.readers):
        os.close(fd)
    made.close()


def test_workers_with_processes_have_this_pool() -> None:
    """It is what `-P prefork` stands for, and its children and timers are the ones below."""
    assert app.conf.worker_pool == "tasks.pool:Processes"
    assert (ours.Processes.Pool, ours.ProcessPool.Worker) == (ours.ProcessPool, ours.Child)


def test_a_child_says_its_last_word_and_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last word can be read after the child's end, with its status; it sleeps nowhere before."""
    monkeypatch.setattr("billiard.pool.time.sleep", lambda _: os._exit(3))
    pool = ours.ProcessPool(1, threads=False)
    try:
        child = pool._pool[0]
        child.inq.put(None)
        assert exit_status(child) == 0
        words = []
        while child.outq._reader.poll():
            words.append(child.outq._reader.recv())
        assert words[-1] == (DEATH, (child.pid, 0))
    finally:
        pool.terminate()


def test_a_child_is_heard_to_its_end(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that nobody awaits any more is read all the same when the pool is joined: its child waits for that."""
    monkeypatch.setattr("billiard.pool.warning", lambda *_: os._exit(3))
    monkeypatch.setattr("billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT", 20)
    pool = ours.ProcessPool(1, threads=False)
    pool.register_with_event_loop(hub)
    child = pool._pool[0]
    pool.apply_async(os.getpid)
    loop = hub.create_loop()
    lab.wait_for(lambda: next(loop) or child.inqW_fd in pool._busy_workers, "the task to be sent")
    pool.flush()
    assert pool._cache == {}
    pool.close()
    pool.join()
    assert exit_status(child) == 0


@pytest.mark.parametrize("rest", [TORN, TORN + bytes(60), b"\x00\x00", struct.pack("!i", 2) + b"}}"], ids=len)
def test_what_a_killed_child_left_of_a_message_ends_nobody(rest: bytes) -> None:
    """Half a message, half a length, and a length before something else: the pool goes on without it."""
    pool = ours.ProcessPool(1, threads=False)
    try:
        child = pool._pool[0]
        child.terminate()
        exit_status(child)
        os.write(child.outq._writer.fileno(), rest)
        pool.process_flush_queues(child)
    finally:
        pool.terminate()


def test_a_child_that_was_let_go_of_is_watched_again(hub: Hub) -> None:
    """A pool child whose pipe has closed, but whose end is not known yet, does not end its worker at a reconnect."""
    pool = object.__new__(ours.ProcessPool)
    reading, writing = os.pipe()
    child, other = (SimpleNamespace(_popen=SimpleNamespace(sentinel=reading)) for _ in range(2))
    for each in (child, other):
        pool._track_child_process(each, hub)
    pool._untrack_child_process(child, hub)
    with pytest.raises(ValueError, match="file descriptor is None"):
        AsynPool._track_child_process(pool, child, hub)
    kept = other._sentinel_poll
    pool._track_child_process(child, hub)
    pool._track_child_process(other, hub)
    assert set(hub.readers) == {child._sentinel_poll, kept}
    os.close(reading)
    os.close(writing)
