"""Looks at what Darkroom needs and says how to mend what is missing."""

import asyncio
import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx
import obstore.store
from obstore.exceptions import BaseError as StoreError
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from darkroom import models, valkey
from darkroom.errors import CommandError
from darkroom.stack import StackSettings, is_free
from tasks import addresses
from tasks.engines import EngineName, SegmenterName
from tasks.errors import ErrorCode
from tasks.settings import Settings, settings as engine_settings

OLDEST_PYTHON = (3, 11)
PACKAGES = ("celery", "cv2", "fastapi", "flower", "httpx", "numpy", "obstore", "PIL", "redis", "structlog", "uvicorn")
"""What the light set imports; a missing one means an unfinished installation."""
_SECONDS = 3.0


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    verdict: Verdict
    text: str
    """What was found and, unless it is fine, how to mend it."""


async def examine(settings: StackSettings) -> list[Finding]:
    """Run every check. Nothing is started or changed."""
    health = await _system_health(settings)
    runs = health is not None
    return [
        check_python(sys.version_info[:2]),
        check_packages(PACKAGES, importlib.util.find_spec),
        await _check_server_program(),
        *[check_port(variable, port, runs=runs) for variable, port in settings.listeners().items()],
        await check_broker(settings, runs=runs),
        _check_store(settings),
        *check_engines(engine_settings(), settings.models, importlib.util.find_spec),
        *check_health(health, settings.gateway_url),
    ]


def check_python(version: tuple[int, ...]) -> Finding:
    """Check the interpreter's version."""
    text = ".".join(map(str, version))
    if version >= OLDEST_PYTHON:
        return Finding(Verdict.OK, f"Python {text}")
    return Finding(Verdict.FAIL, f"Python {text} is too old: install 3.11 or newer and run `make up PYTHON=python3.11`")


def check_packages(names: tuple[str, ...], find: Callable[[str], object]) -> Finding:
    """Check that packages are installed, without importing them."""
    missing = [name for name in names if find(name) is None]
    if missing:
        return Finding(Verdict.FAIL, f"not installed: {', '.join(missing)}; `make up` installs the light set")
    return Finding(Verdict.OK, f"{len(names)} packages of the light set are installed")


def check_engines(engines: Settings, folder: Path, find: Callable[[str], object]) -> list[Finding]:
    """Check the packages and the weights of the engines that the environment names; ``opencv`` needs none."""
    return [*_check_segmentation(engines, folder, find), *_check_generation(engines, folder, find)]


def _check_segmentation(engines: Settings, folder: Path, find: Callable[[str], object]) -> list[Finding]:
    if engines.segmentation_engine is not SegmenterName.FASTSAM:
        return []
    packages = _check_extra("fastsam", ("torch", "ultralytics"), find)
    own = engines.segmentation_weights
    if own is not None:
        return [packages, _there(own.is_file(), f"SEGMENTATION_WEIGHTS={own}", "name a file that exists")]
    return [packages, _check_model("fastsam-s", folder)]


def _check_generation(engines: Settings, folder: Path, find: Callable[[str], object]) -> list[Finding]:
    if engines.generation_engine is not EngineName.QWEN:
        return []
    packages = _check_extra("qwen", ("torch", "diffusers", "transformers", "peft"), find)
    if engines.model_path is None:
        return [packages, _check_model("qwen-image-edit", folder)]
    own = Path(engines.model_path)
    if own.is_absolute() or own.exists():
        found = (own / "model_index.json").is_file()
        return [packages, _there(found, f"MODEL_PATH={own}", "name a folder with a model_index.json")]
    return [packages, Finding(Verdict.OK, f"MODEL_PATH={own} is a hub id; the worker asks its hub for it")]


def _check_extra(extra: str, names: tuple[str, ...], find: Callable[[str], object]) -> Finding:
    missing = [name for name in names if find(name) is None]
    if missing:
        return Finding(Verdict.FAIL, f"not installed: {', '.join(missing)}; install Darkroom with the extra {extra}")
    return Finding(Verdict.OK, f"the packages of the {extra} engine are installed")


def _check_model(name: str, folder: Path) -> Finding:
    there = models.is_pulled(models.MODELS[name], folder)
    return _there(there, f"the model {name} in {folder}", f"run `darkroom models pull {name}`")


def _there(found: bool, what: str, remedy: str) -> Finding:
    return Finding(Verdict.OK, what) if found else Finding(Verdict.FAIL, f"{what} is not there: {remedy}")


async def _check_server_program() -> Finding:
    try:
        server = valkey.find_server()
    except CommandError as error:
        return Finding(Verdict.FAIL, str(error))
    try:
        process = await asyncio.create_subprocess_exec(server, "--version", stdout=asyncio.subprocess.PIPE)
    except OSError as error:
        return Finding(Verdict.FAIL, f"{server} cannot be run ({error}); reinstall it")
    output, _ = await process.communicate()
    return Finding(Verdict.OK, f"Valkey server: {output.decode(errors='replace').strip()} ({server})")


def check_port(variable: str, port: int, *, runs: bool) -> Finding:
    """Check that a port is free, or that it is Darkroom which listens there."""
    if is_free(port):
        return Finding(Verdict.OK, f"port {port} ({variable}) is free")
    if runs:
        return Finding(Verdict.OK, f"port {port} ({variable}) is in use, and Darkroom runs")
    return Finding(
        Verdict.WARN,
        f"port {port} ({variable}) is taken although no gateway answers: "
        f"stop what listens there or choose another, {variable}={port + 1} make up",
    )


async def check_broker(settings: StackSettings, *, runs: bool) -> Finding:
    """Check that the broker answers, to this user, and that it never evicts."""
    client = Redis.from_url(settings.broker, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS)
    place = addresses.place(settings.broker)
    try:
        await client.ping()
        policy = (await client.info("memory")).get("maxmemory_policy")
    except AuthenticationError as error:
        return Finding(Verdict.FAIL, f"the broker at {place} refuses the user ({error}); check REDIS_URL")
    except NoPermissionError:
        return Finding(Verdict.OK, f"the broker at {place} answers; this user may not see whether it evicts")
    except RedisError as error:
        expected = not runs and settings.redis_url is None
        verdict, mend = (Verdict.WARN, "start it with `make up`") if expected else (Verdict.FAIL, "check REDIS_URL")
        return Finding(verdict, f"the broker at {place} does not answer ({error}); {mend}")
    finally:
        await client.aclose()
    if policy == "noeviction":
        return Finding(Verdict.OK, f"the broker at {place} answers and never evicts")
    return Finding(
        Verdict.FAIL,
        f"the broker at {place} would throw jobs away when it is full (maxmemory-policy {policy}); "
        "set maxmemory-policy noeviction",
    )


def _check_store(settings: StackSettings) -> Finding:
    url = urlsplit(settings.store)
    if url.scheme == "file":
        return check_folder(Path(url2pathname(url.path)))
    try:
        next(iter(obstore.store.from_url(settings.store).list(chunk_size=1)), None)
    except (StoreError, OSError, ValueError) as error:
        return Finding(Verdict.FAIL, f"the image store {settings.store} does not answer ({error}); check its rights")
    return Finding(Verdict.OK, f"the image store {settings.store} answers")


def check_folder(folder: Path) -> Finding:
    """Check that files can be written to a folder, or that the folder can be made."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    try:
        if folder == existing:
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        return Finding(Verdict.FAIL, f"the image store {folder} cannot be written ({error.strerror}); mend its rights")
    if os.access(existing, os.W_OK | os.X_OK):
        return Finding(Verdict.OK, f"the image store {folder} can be written")
    return Finding(Verdict.FAIL, f"the image store {folder} cannot be made in {existing}; mend its rights")


async def _system_health(settings: StackSettings) -> dict[str, Any] | None:
    """Return what the gateway says of the system; None when it does not answer."""
    with contextlib.suppress(httpx.HTTPError, ValueError):
        async with httpx.AsyncClient(trust_env=False, timeout=_SECONDS) as client:
            health = (await client.get(f"{settings.gateway_url}/api/system/health")).json()
            return health if isinstance(health, dict) else None
    return None


def check_health(health: dict[str, Any] | None, url: str) -> list[Finding]:
    """Read system health: the gateway, then a line per service."""
    if health is None:
        return [Finding(Verdict.WARN, f"no gateway answers at {url}; start it with `make up`")]
    if health.get("code") == ErrorCode.KEY_MISSING:
        return [Finding(Verdict.OK, f"the gateway at {url} answers, and asks for an API key before it tells more")]
    services = health.get("services", {})
    return [
        Finding(Verdict.OK, f"the gateway at {url} answers: {health.get('status')}"),
        *[_check_service(name, state) for name, state in services.items()],
    ]


def _check_service(name: str, state: dict[str, Any]) -> Finding:
    status = state.get("status")
    text = f"{name} is {status}, workers: {len(state.get('workers', []))}"
    if status in {"healthy", "asleep"}:
        return Finding(Verdict.OK, text)
    verdict = Verdict.FAIL if status == "down" else Verdict.WARN
    return Finding(verdict, f"{text}; its log says why (`make up` prints it, prefixed with the profile)")
