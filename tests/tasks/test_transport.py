"""What a worker's connection notes of the messages that it works on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tasks.app import app
from tasks.ledger import Ledger
from tasks.messages import build
from tasks.queues import Priority, Queue
from tasks.transport import Channel, Transport

URL_OF_A_DATABASE = "/1"
"""Where no worker looks."""


@pytest.fixture
def url(book: Ledger, environment: dict[str, str]) -> str:
    """The broker, with nothing in it."""
    book.client.flushdb()
    return environment["REDIS_URL"].replace("/0", URL_OF_A_DATABASE)


@pytest.fixture
def channel(url: str) -> Iterator[Channel]:
    """A channel of our transport, as a worker opens it."""
    with app.connection_for_read(url, transport=Transport) as connection:
        yield connection.default_channel


def taken(channel: Any, text: str) -> str:
    """Deliver a message to nobody, as a consumer is given it, and return its delivery's tag."""
    message = channel.Message(json.loads(text), channel=channel)
    channel.qos.append(message, message.delivery_tag)
    return str(message.delivery_tag)


def noted(client: "redis.Redis") -> tuple[dict[str, Any], list[Any]]:
    """Return what is noted of messages that are worked on: themselves, and the tags in their index."""
    return client.hgetall("unacked"), client.zrange("unacked_index", 0, -1)


def test_a_worker_notes_what_kombu_would(book: Ledger, url: str, channel: Channel) -> None:
    """A message that is worked on stands in kombu's own hash and index, byte by byte, so that either can restore it."""
    text = build(app, "t", task_id="i", queue=Queue.JOBS, priority=Priority.INTERACTIVE)
    tag = taken(channel, text)
    ours = noted(book.client)
    book.client.flushdb()
    with app.connection_for_read(url) as plain:
        taken(plain.default_channel, text)
        assert noted(book.client) == ours
    assert ours[1] == [tag]


def test_what_is_acknowledged_is_forgotten(book: Ledger, channel: Channel) -> None:
    """An acknowledgement empties both, and does no harm twice."""
    tag = taken(channel, build(app, "t", task_id="i", queue=Queue.JOBS, priority=Priority.INTERACTIVE))
    channel.qos.ack(tag)
    assert noted(book.client) == ({}, [])
    channel.qos.ack(tag)


def test_a_server_that_restarted_is_told_the_scripts_again(book: Ledger, channel: Channel) -> None:
    """What is noted, and forgotten, does not depend on what the server remembers of scripts."""
    text = build(app, "t", task_id="i", queue=Queue.JOBS, priority=Priority.INTERACTIVE)
    tag = taken(channel, text)
    book.client.script_flush()
    channel.qos.ack(tag)
    assert noted(book.client) == ({}, [])


def test_a_channel_has_one_client_for_each_pool(channel: Channel) -> None:
    """It is made once, and anew where the pool of its connections was closed."""
    with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
        assert first is second
    channel._disconnect_pools()
    with channel.conn_or_acquire() as third:
        assert third is not first
        assert third.ping()
