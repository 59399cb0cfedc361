"""How long a client of Valkey keeps trying."""

import socket
import time

import pytest
import redis

from tasks.patience import Patience

PATIENCE_SECONDS = 0.4


def ask(port: int) -> float:
    """Ask a server that gives no answer; return for how long that was tried."""
    client = redis.Redis(port=port, socket_timeout=0.15, socket_connect_timeout=0.15, retry=Patience(PATIENCE_SECONDS))
    began = time.monotonic()
    with client, pytest.raises((redis.ConnectionError, redis.TimeoutError)):
        client.ping()
    return time.monotonic() - began


def test_refusals_are_tried_again_until_the_time_is_over() -> None:
    """A server that refuses within a millisecond is tried again for as long as it was said, not a number of times."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert ask(port) >= PATIENCE_SECONDS


def test_silence_is_not_waited_for_much_longer() -> None:
    """Time-outs within a command, of its connection's tries too, end together, not after one another."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        took = ask(mute.getsockname()[1])
    # One pause and one time-out may begin before the time is over.
    assert PATIENCE_SECONDS <= took < 4 * PATIENCE_SECONDS
