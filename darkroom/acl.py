"""Users of the Valkey servers: one per kind of process, each with the commands, keys and channels that it needs.

A user is a list of grants, and a command is allowed if one of them covers it whole (selectors, in Valkey's words): so
the gateway may push to a queue without reading it, and read a reply without writing one. What a script calls is checked
like any other command of its caller. On its own keys a process may do what it likes; among Celery's, what Celery 5.7
was seen to need.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tasks.queues import Queue

Words = tuple[str, ...]


class Server(StrEnum):
    """The two servers."""

    BROKER = "broker"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class Grant:
    """Commands, the patterns of keys that they may touch (``%R~`` to read, ``%W~`` to write), and channels."""

    commands: Words
    keys: Words = ()
    channels: Words = ()
    but: Words = ()
    """Commands and categories that a category in ``commands`` holds and that are not meant."""

    @property
    def rules(self) -> str:
        """The grant in Valkey's words."""
        categories = [command for command in self.commands if command.startswith("@")]
        return " ".join(
            (
                *("-@all", *(f"+{category}" for category in categories), *(f"-{command}" for command in self.but)),
                *(f"+{command}" for command in self.commands if command not in categories),
                *("resetkeys", *self.keys),
                *("resetchannels", *(f"&{channel}" for channel in self.channels)),
            )
        )


@dataclass(frozen=True, slots=True)
class User:
    """A kind of process."""

    name: str
    grants: tuple[Grant, ...]
    optional: bool = False
    """Whether there is no such user unless it was given a password."""

    @property
    def variable(self) -> str:
        """The environment variable that holds its password."""
        return f"DARKROOM_{self.name.upper()}_PASSWORD"

    @property
    def rules(self) -> str:
        """What the user may do; also the access string of a managed server."""
        root, *selectors = (grant.rules for grant in self.grants)
        return " ".join((root, *(f"({selector})" for selector in selectors)))

    def line(self, password: str) -> str:
        """Return the user's line of an ACL file, with the password's hash in place of the password."""
        return f"user {self.name} on #{hashlib.sha256(password.encode()).hexdigest()} {self.rules}"


def users(server: Server) -> tuple[User, ...]:
    """Return the users of a server."""
    return (*_USERS[server], User("operator", (Grant(("@all",), ("~*",), ("*",)),), optional=True))


def file_of(server: Server, passwords: Mapping[str, str]) -> str:
    """Return a server's ACL file; ``passwords`` by the variables of its users.

    Raises ``KeyError`` with the variable of a user that has to have one.
    """
    known = [user for user in users(server) if not user.optional or passwords.get(user.variable)]
    missing = next((user.variable for user in known if not passwords.get(user.variable)), None)
    if missing is not None:
        raise KeyError(missing)
    # Nobody gets in without a name.
    lines = ["user default off resetkeys resetchannels -@all", *(user.line(passwords[user.variable]) for user in known)]
    return "\n".join(lines) + "\n"


def rules_of(server: Server) -> str:
    """Return what each user may do as JSON, without passwords: for servers that keep users in another way."""
    return json.dumps({user.name: user.rules for user in users(server) if user.name != "operator"}, indent=2)


_CONNECT = ("auth", "hello", "ping", "select", "client|setinfo", "client|setname")
_SCRIPTS = ("evalsha", "script|load", "script|exists")
_TRANSACTIONS = ("multi", "exec", "discard", "watch", "unwatch")
_BASICS = (*_CONNECT, *_SCRIPTS, *_TRANSACTIONS)
_DATA = ("@read", "@write", "time")
_NOT_DATA = ("@dangerous", "scan", "randomkey", "dbsize")
"""What looks at, or changes, more than the keys that it names."""

_QUEUES = tuple(f"{queue}*" for queue in Queue)
_REPLIES = "celery-task-meta-*"
_EVENTS = "/0.celeryev/*"
"""Channels of task events in database 0: who subscribes to a pattern has to be granted that very pattern."""
_PREFIX = "darkroom:"
_GATEWAYS = ("keys", "secret")
"""Who may use the gateway, and what signs its tokens: nobody else's to read or change."""


def all_but(prefix: str, words: Words) -> Words:
    """Return patterns that match every key with the prefix, except those that go on with one of the words.

    Valkey has no pattern for "not": these name, letter by letter, where a key parts from the words. A key that is the
    beginning of a word and nothing more is not matched.
    """
    beginnings = sorted({word[:length] for word in words for length in range(len(word))})
    followers = (
        (begun, sorted({word[len(begun)] for word in words if word.startswith(begun)})) for begun in beginnings
    )
    return tuple(f"{prefix}{begun}[^{''.join(letters)}]*" for begun, letters in followers)


_SHARED = all_but(_PREFIX, _GATEWAYS)


def _ledger(keys: Words, *channel_commands: str, channels: Words) -> Grant:
    return Grant((*_BASICS, *_DATA, *channel_commands), tuple(f"~{key}" for key in keys), channels, _NOT_DATA)


def _gateway() -> User:
    return User(
        "gateway",
        (
            _ledger((f"{_PREFIX}*",), "publish", "psubscribe", "punsubscribe", channels=(_REPLIES,)),
            _PUSH,
            Grant(("get",), (f"%R~{_REPLIES}",)),
            _OVERVIEW,
        ),
    )


_OVERVIEW = Grant(("info",))
"""How much memory is left stands in the overview, which admission and scaling read."""
_PUSH = Grant(("lpush", "rpush", "llen"), tuple(f"%W~{queue}" for queue in _QUEUES))


def _client() -> User:
    return User(
        "client",
        (
            _ledger(_SHARED, "publish", "subscribe", "unsubscribe", channels=(_REPLIES, _EVENTS)),
            _PUSH,
            Grant(("get", "mget"), (f"%R~{_REPLIES}",)),
        ),
        optional=True,
    )


def _worker() -> User:
    messages = Grant(
        (
            *("brpop", "lpush", "rpush", "llen", "lindex", "hset", "hget", "hdel", "zadd", "zrem", "zrange"),
            *("sadd", "smembers", *_TRANSACTIONS),
        ),
        (*(f"~{queue}" for queue in _QUEUES), "~unacked", "~unacked_index", "~_kombu.binding*"),
    )
    mutex = Grant(("set", "get", "del", *_SCRIPTS), ("~unacked_mutex",))
    replies = Grant(
        (
            *("get", "set", "setex", "mget", "del", "expire", "exists", "rpush", "llen", "lrange", "incr", "zadd"),
            *("zcount", "zrange", "sadd", "sismember", "subscribe", "unsubscribe", *_SCRIPTS),
        ),
        (f"~{_REPLIES}", "~celery-taskset-meta-*"),
        (_REPLIES,),
    )
    own = _ledger(_SHARED, "publish", channels=(_REPLIES, _EVENTS))
    return User("worker", (own, messages, mutex, replies, _OVERVIEW))


def _flower() -> User:
    binding = ("sadd", "srem", "del", "exists", "zadd", "zrem", "zrangebyscore", "time")
    return User(
        "flower",
        (
            Grant((*_BASICS, "psubscribe", "punsubscribe"), channels=(_EVENTS,)),
            # Its queue's entry, which kombu keeps for every queue although events go by channels.
            Grant((*_SCRIPTS, *binding), ("~_kombu.binding*.celeryev", "~_kombu.binding_deadlines")),
            Grant(("llen", "del"), ("~celeryev.*",)),
            # Lengths, for its page about the broker.
            Grant(("llen",), tuple(f"%R~{queue}" for queue in _QUEUES)),
        ),
    )


def _images() -> User:
    return User("images", (Grant((*_BASICS, "get", "getex", "set", "exists"), ("~image:*", "~derived:*")),))


_USERS: Mapping[Server, tuple[User, ...]] = {
    Server.BROKER: (_gateway(), _worker(), _flower(), _client()),
    Server.CACHE: (_images(),),
}
