"""Darkroom on one machine: two Valkey servers, a worker per pool, Flower and the gateway, until somebody stops it."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from darkroom import parent, valkey
from darkroom.errors import CommandError, UsageError
from darkroom.secrets import kept
from darkroom.supervisor import SUPERVISOR, Backoff, Log, Program, Supervisor, Tier
from tasks.addresses import EMBEDDED_BROKER_PORT, EMBEDDED_CACHE_PORT, ServerUrl, tls_context
from tasks.keys import AccessMode
from worker_profiles import Profile
from worker_profiles.local import PROFILES

_LOOK_SECONDS = 0.02
_ANSWER_SECONDS = 5.0
FRONT_GRACE_SECONDS = 8.0
"""The gateway closes its event streams within 5 s (--timeout-graceful-shutdown)."""

Port = Annotated[int, Field(ge=1, le=65_535)]


class StackSettings(BaseSettings):
    """What `darkroom up` reads from the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True)

    port: Port = 8000
    """The gateway's port."""
    flower_port: Port = 5555
    """Flower's port."""
    broker_port: Port = EMBEDDED_BROKER_PORT
    """The embedded broker's port."""
    cache_port: Port = EMBEDDED_CACHE_PORT
    """The embedded image cache's port."""
    redis_url: ServerUrl | None = None
    """A broker that runs elsewhere; none is started then."""
    image_cache_url: ServerUrl | None = None
    """A hot image tier that runs elsewhere; none is started then."""
    image_store_url: str | None = None
    """Durable image tier; unset: a folder under ``data``."""
    flower_basic_auth: Annotated[str | None, Field(repr=False)] = None
    """Flower's login, user:password; unset: one that is made at the first start and kept under ``data``."""
    flower_url_prefix: str = ""
    """Path below which Flower's pages are, for a proxy in front; empty: all of its host is Flower's."""
    flower_cookie_secret: Annotated[str | None, Field(repr=False)] = None
    """Signs Flower's cookies; unset: made and kept likewise."""
    data: Annotated[Path, Field(validation_alias="DARKROOM_DATA")] = Path(".darkroom")
    """Everything that outlives a restart."""
    models_folder: Annotated[Path | None, Field(validation_alias="DARKROOM_MODELS_FOLDER")] = None
    """Model weights; unset: a folder under ``data``."""
    start_seconds: Annotated[float, Field(gt=0, validation_alias="DARKROOM_START_SECONDS")] = 60.0
    """Until everything answers. Usual: under 10 s on two cores; loading a real model takes minutes."""
    log_format: Annotated[str, Field(validation_alias="DARKROOM_LOG_FORMAT")] = "text"
    """``text`` or ``json``."""
    access: Annotated[AccessMode, Field(validation_alias="DARKROOM_ACCESS")] = AccessMode.OPEN
    """Whether the gateway asks for API keys."""
    worker_grace_seconds: Annotated[float, Field(gt=0, validation_alias="DARKROOM_WORKER_GRACE_SECONDS")] = 25.0
    """A worker's time to finish a short task or give a job back; what is killed then is redone after its lease."""

    @property
    def gateway_url(self) -> str:
        """Where the gateway answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def flower_url(self) -> str:
        """Where Flower's pages are."""
        path = self.flower_url_prefix.strip("/")
        return f"http://127.0.0.1:{self.flower_port}" + (f"/{path}/" if path else "")

    @property
    def flower_login(self) -> str:
        """User and password of Flower: without one, a page of any site could read it under a name of its own."""
        return self.flower_basic_auth or f"darkroom:{kept(self.data / 'flower-password')}"

    @property
    def flower_link(self) -> str:
        """What to open in a browser; a login of your own is not shown."""
        return self.flower_url if self.flower_basic_auth else self.flower_url.replace("//", f"//{self.flower_login}@")

    @property
    def broker(self) -> str:
        """The broker in use."""
        return self.redis_url or valkey.Address(self.broker_port).url

    @property
    def cache(self) -> str:
        """The hot image tier in use."""
        return self.image_cache_url or valkey.Address(self.cache_port).url

    @property
    def store(self) -> str:
        """The durable image tier in use."""
        return self.image_store_url or (self.data.absolute() / "images").as_uri()

    @property
    def models(self) -> Path:
        """Where model weights are."""
        return (self.models_folder or self.data / "models").absolute()

    def listeners(self) -> dict[str, int]:
        """The ports that the stack is going to listen on, by the variable that changes each."""
        ports = {"PORT": self.port, "FLOWER_PORT": self.flower_port}
        if self.redis_url is None:
            ports["BROKER_PORT"] = self.broker_port
        if self.image_cache_url is None:
            ports["CACHE_PORT"] = self.cache_port
        return ports


def read_settings(**values: object) -> StackSettings:
    """Return the settings of the environment, with some values of the caller's. Raises ``UsageError``."""
    try:
        return StackSettings.model_validate({**StackSettings().model_dump(), **values})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        # An address may hold a password, and what is wrong with it is said without it.
        given = name if name.endswith("_URL") else f"{name}={first['input']!r}"
        raise UsageError(f"{given}: {first['msg']}.") from error


def servers(settings: StackSettings) -> list[Program]:
    """Return the Valkey servers to start; none for those that the settings name elsewhere."""
    wanted = []
    if settings.redis_url is None:
        wanted.append(valkey.broker(valkey.find_server(), settings.broker_port, settings.data / "broker"))
    if settings.image_cache_url is None:
        wanted.append(valkey.cache(valkey.find_server(), settings.cache_port, settings.data / "cache"))
    return wanted


def services(settings: StackSettings) -> list[Program]:
    """Return what needs the servers: the gateway, which takes longest to load, the workers and Flower."""
    return [_gateway(settings), *(_worker(profile, settings) for profile in PROFILES), _flower(settings)]


def _environment(settings: StackSettings) -> dict[str, str]:
    return {
        "REDIS_URL": settings.broker,
        "IMAGE_CACHE_URL": settings.cache,
        "IMAGE_STORE_URL": settings.store,
        "DARKROOM_MODELS_FOLDER": str(settings.models),
        "PYTHONUNBUFFERED": "1",
        # Read by people here, side by side; set it to json for a log collector.
        "DARKROOM_LOG_FORMAT": settings.log_format,
        # Who runs this as root has decided so; each worker would say it in five lines.
        "PYTHONWARNINGS": "ignore:You're running the worker",
    }


def _worker(profile: Profile, settings: StackSettings) -> Program:
    return Program(
        name=profile.name,
        arguments=worker_arguments(profile),
        tier=Tier.WORKERS,
        grace_seconds=settings.worker_grace_seconds,
        environment={**_environment(settings), "DARKROOM_PROFILE": profile.name},
    )


def _flower(settings: StackSettings) -> Program:
    return Program(
        name="flower",
        arguments=flower_arguments("127.0.0.1", settings.flower_port, settings.data.absolute() / "flower.db"),
        tier=Tier.FRONT,
        grace_seconds=FRONT_GRACE_SECONDS,
        environment={
            **_environment(settings),
            "FLOWER_BASIC_AUTH": settings.flower_login,
            **({"FLOWER_URL_PREFIX": settings.flower_url_prefix} if settings.flower_url_prefix else {}),
            "FLOWER_COOKIE_SECRET": settings.flower_cookie_secret or kept(settings.data / "flower-cookie-secret"),
        },
    )


def _gateway(settings: StackSettings) -> Program:
    return Program(
        name="gateway",
        arguments=gateway_arguments("127.0.0.1", settings.port),
        tier=Tier.FRONT,
        grace_seconds=FRONT_GRACE_SECONDS,
        environment={**_environment(settings), "DARKROOM_ACCESS": settings.access},
    )


def worker_arguments(profile: Profile, number: int | None = None) -> tuple[str, ...]:
    """Return the command line of a worker; ``number`` tells several of one machine apart."""
    return (sys.executable, "-m", "tasks", *profile.celery_arguments(number))


def gateway_arguments(host: str, port: int) -> tuple[str, ...]:
    """Return the command line of the gateway."""
    return (
        *(sys.executable, "-m", "uvicorn", "api.app:create_app", "--factory"),
        *("--host", host, "--port", str(port)),
        # An open event stream would otherwise keep the server from stopping.
        *("--timeout-graceful-shutdown", "5"),
        *("--no-server-header", "--no-access-log", "--loop", "uvloop"),
        # Slow clients, and how many there may be (api/protocol.py); nothing here speaks WebSocket.
        *("--http", "api.protocol:GatewayProtocol", "--ws", "none"),
    )


def flower_arguments(host: str, port: int, history: Path) -> tuple[str, ...]:
    """Return the command line of Flower; ``history`` is the file that keeps its tasks over a restart."""
    return (
        *(sys.executable, "-m", "darkroom.flower"),
        *(f"--address={host}", f"--port={port}", f"--db={history}"),
    )


async def up(settings: StackSettings, log: Log, backoff: Backoff | None = None) -> None:
    """Run the stack until SIGINT, SIGTERM or SIGHUP; no process is left when this returns.

    Raises ``CommandError`` when it cannot start.
    """
    with _locked(settings.data):
        check_ports(settings)
        async with Supervisor(log, backoff) as supervisor:
            stop = _stop_requests(supervisor, log)
            starting = asyncio.create_task(start(settings, supervisor))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                log("", f"Darkroom is ready: {settings.gateway_url}")
                log(SUPERVISOR, f"Flower: {settings.flower_link}   Stop: Ctrl-C")
                await stopping
            starting.cancel()
            log(SUPERVISOR, "stopping")
    log(SUPERVISOR, "stopped")


async def start(settings: StackSettings, supervisor: Supervisor) -> None:
    """Start everything and return when it answers.

    Raises ``CommandError`` that names what is missing after ``start_seconds``.
    """
    wanted = servers(settings)
    for program in wanted:
        assert program.directory is not None  # noqa: S101 - valkey.py sets it
        program.directory.mkdir(parents=True, exist_ok=True)
        supervisor.start(program)
    deadline = asyncio.get_running_loop().time() + settings.start_seconds
    await _until_complete(partial(silent_servers, settings), deadline, supervisor)
    for program in services(settings):
        supervisor.start(program)
    from darkroom import readiness  # noqa: PLC0415 - its HTTP client, while the services load what they need

    async with readiness.client() as client:
        await _until_complete(partial(readiness.lacking, settings, client), deadline, supervisor)


async def _until_complete(look: Callable[[], Awaitable[list[str]]], deadline: float, supervisor: Supervisor) -> None:
    """Return when nothing is missing any more; raise ``CommandError`` with what is, after the deadline."""
    clock = asyncio.get_running_loop().time
    while missing := await look():
        if clock() > deadline:
            unsteady = [f"{name} keeps ending (its lines above say why)" for name in supervisor.unsteady()]
            raise CommandError(f"Darkroom did not become ready in time: {'; '.join([*missing, *unsteady])}.")
        await asyncio.sleep(_LOOK_SECONDS)


async def silent_servers(settings: StackSettings) -> list[str]:
    """Return a phrase for each Valkey server that does not answer yet."""
    silent = []
    for name, url in (("the broker", settings.broker), ("the image cache", settings.cache)):
        try:
            await asyncio.wait_for(_ping(url), _ANSWER_SECONDS)
        except (OSError, EOFError, _NotServingError) as error:
            silent.append(f"{name} does not answer ({str(error) or 'no answer in time'})")
    return silent


class _NotServingError(Exception):
    """A server that answers, but not to commands yet: it loads its data."""


async def _ping(url: str) -> None:
    """Say PING to a server. The client library does it too, but takes 0.3 s to import.

    A server with a password answers that it wants one: the services, which have it, will see to the rest.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 6379, ssl=tls_context(url))
    try:
        writer.write(b"PING\r\n")
        answer = await reader.readuntil(b"\n")
        if not answer.startswith((b"+PONG", b"-NOAUTH")):
            raise _NotServingError(answer.decode(errors="replace").strip())
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def check_ports(settings: StackSettings) -> None:
    """Raise ``UsageError`` that names the first port which is taken, and the variable that changes it."""
    listeners = settings.listeners()
    for variable, port in listeners.items():
        twin = next((other for other, its in listeners.items() if its == port and other != variable), None)
        if twin is not None:
            raise UsageError(f"{variable} and {twin} are both {port}; give each a port of its own.")
        if not is_free(port):
            raise UsageError(
                f"Port {port} on 127.0.0.1 is taken by another program. "
                f"Stop that one, or choose another port: {variable}={port + 1} make up."
            )


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nobody listens on now."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextlib.contextmanager
def _locked(data: Path) -> Iterator[None]:
    """Hold the folder: a second stack on the same files would corrupt them."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("a+")
    except OSError as error:
        raise UsageError(f"Cannot write to {data.absolute()}: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UsageError(
                f"Darkroom already runs in this folder (process {lock.read().strip() or 'unknown'}, "
                f"data in {data.absolute()}). Stop that one first, or start this one elsewhere."
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _stop_requests(supervisor: Supervisor, log: Log) -> asyncio.Event:
    """Return an event that the first stop signal sets; the second signal kills everything."""
    stop = asyncio.Event()

    def request() -> None:
        if stop.is_set():
            log(SUPERVISOR, "killing everything")
            supervisor.kill()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, request)
    if parent.started_by_make():
        watch = loop.create_task(parent.parent_interrupted(), name="parent")
        watch.add_done_callback(lambda _: stop.set())
    return stop
