"""kombu's Redis transport, without what it spends on each message twice over.

For a message that is taken, and again for one that is acknowledged, kombu 5.7 makes a client (redis-py fills a table of
400 callbacks each time) and sends a transaction of two commands, for which a worker's event loop waits. Here a channel
keeps its client, and each is one script with the same effect on the same keys: a message stands in ``unacked`` and in
its index, by when it was taken, from its delivery to its acknowledgement.
"""

from collections.abc import Callable
from functools import cached_property
from time import time

from kombu.message import Message
from kombu.transport import redis as kombu_redis, virtual
from kombu.utils.json import dumps
from redis import Redis
from redis.commands.core import Script

_TAKE = """
redis.call('ZADD', ARGV[2], ARGV[4], ARGV[3])
redis.call('HSET', ARGV[1], ARGV[3], ARGV[5])
"""
_LET_GO = """
redis.call('ZREM', ARGV[2], ARGV[3])
redis.call('HDEL', ARGV[1], ARGV[3])
"""
"""ARGV of both: the hash, the index, the delivery's tag; then the time and the message."""


class Marks(kombu_redis.QoS):
    """Which messages are being worked on. A script that is sent twice, after a lost answer, does the same again."""

    def append(self, message: Message, delivery_tag: str) -> None:
        """Note that a message was delivered."""
        delivery = message.delivery_info
        raw = dumps([message._raw, delivery["exchange"], delivery["routing_key"]])  # type: ignore[attr-defined] # of the transport's own kind
        self._run(self._take, delivery_tag, time(), raw)
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Forget a message that was worked off."""
        self._run(self._let_go, delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def _run(self, script: Script, *arguments: str | float) -> None:
        with self.channel.conn_or_acquire() as client:
            script(args=(self.unacked_key, self.unacked_index_key, *arguments), client=client)

    @cached_property
    def _take(self) -> Script:
        return self._script(_TAKE)

    @cached_property
    def _let_go(self) -> Script:
        return self._script(_LET_GO)

    def _script(self, source: str) -> Script:
        with self.channel.conn_or_acquire() as client:
            return Script(client, source)


class Channel(kombu_redis.Channel):
    """A channel with one client for all that is not a blocking read; it has no state beside its pool of connections."""

    QoS = Marks
    _lasting: "Redis | None" = None

    def _create_client(self, asynchronous: bool = False) -> "Redis":
        create: Callable[..., Redis] = super()._create_client
        if asynchronous:
            return create(asynchronous=True)
        if self._lasting is None or self._lasting.connection_pool is not self.pool:
            self._lasting = create()
        return self._lasting


class Transport(kombu_redis.Transport):
    """What a worker reads its messages by (``tasks.consumer``)."""

    Channel = Channel
