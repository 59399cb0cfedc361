"""Users of the Valkey servers: one per kind of process, each with the commands, keys and channels that it needs.

A user is a list of grants, and a command is allowed if one of them covers it whole (selectors, in Valkey's words): so
the gateway may push to a queue without reading it, and read a reply without writing one. What the ledger's scripts
call is checked like any other command, and is read from the scripts themselves.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

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

    @property
    def rules(self) -> str:
        """The grant in Valkey's words."""
        return " ".join(
            (
                *("-@all", *(f"+{command}" for command in self.commands)),
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
    return (*_USERS[server](), User("operator", (Grant(("@all",), ("~*",), ("*",)),), optional=True))


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
    return json.dumps({user.name: user.rules for user in users(server) if not user.optional}, indent=2)


_CONNECT = ("auth", "hello", "ping", "select", "client|setinfo", "client|setname")
_SCRIPTS = ("evalsha", "script|load")
_TRANSACTIONS = ("multi", "exec", "discard", "watch", "unwatch")
_CALL = re.compile(r"redis\.p?call\(\s*['\"](\w+)['\"]")

_QUEUES = tuple(f"{queue}*" for queue in Queue)
_REPLIES = "celery-task-meta-*"
_BINDINGS = "_kombu.binding*"
_EVENTS = "/*.celeryev*"
"""Channels of task events: the number is the database's."""
_LEDGER = "darkroom:*"
_NOT_KEYS = "darkroom:[^k]*"
"""All but ``darkroom:keys``: who may use the gateway is not for workers to read or change."""


def _script_commands() -> Words:
    """Everything that the ledger's scripts call."""
    folder = resources.files("tasks") / "lua"
    sources = (entry.read_text() for entry in folder.iterdir() if entry.name.endswith(".lua"))
    return tuple(sorted({command.lower() for source in sources for command in _CALL.findall(source)}))


def _gateway() -> User:
    ledger = Grant(
        (
            *(*_CONNECT, *_SCRIPTS, *_TRANSACTIONS, *_script_commands()),
            *("get", "set", "del", "exists", "xread", "hmget", "psubscribe", "punsubscribe", "publish"),
        ),
        (f"~{_LEDGER}",),
        (_REPLIES,),
    )
    return User(
        "gateway",
        (
            ledger,
            Grant(("lpush", "rpush", "llen"), tuple(f"%W~{queue}" for queue in _QUEUES)),
            Grant(("get",), (f"%R~{_REPLIES}",)),
            Grant((*_SCRIPTS, "get", "set", "del", "exists", "expire", "incrby", "pttl", "ttl", "rename"), ("~LIMITS*",)),
        ),
    )


def _worker() -> User:
    ledger = Grant(
        (
            *(*_CONNECT, *_SCRIPTS, *_TRANSACTIONS, *_script_commands()),
            *("get", "set", "exists", "hset", "hmget", "lpush", "ltrim", "lindex", "pexpire", "xread", "publish"),
        ),
        (f"~{_NOT_KEYS}",),
        (_REPLIES,),
    )
    return User("worker", (ledger,))


def _flower() -> User:
    return User("flower", (Grant((*_CONNECT, "psubscribe", "punsubscribe"), (), (_EVENTS,)),))


def _images() -> User:
    return User(
        "images", (Grant((*_CONNECT, "get", "getex", "set", "exists"), ("~image:*", "~derived:*")),)
    )


_USERS = {
    Server.BROKER: lambda: (_gateway(), _worker(), _flower()),
    Server.CACHE: lambda: (_images(),),
}
