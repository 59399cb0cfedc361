"""A machine from its first process to its last."""

import asyncio
import importlib.util
import json
import os
import signal
import sys

import structlog

from darkroom.errors import UsageError
from darkroom.machine import metadata
from darkroom.machine.crew import EXIT_CONFIGURATION, Crew
from darkroom.machine.metadata import Metadata, MetadataUnavailable
from darkroom.machine.settings import MachineSettings
from darkroom.machine.watch import Watch
from darkroom.output import LinePrinter
from darkroom.supervisor import SUPERVISOR, Log, Supervisor
from tasks.logs import log_format
from worker_profiles import Profile

log = structlog.get_logger(__name__)


async def run(profile: Profile, settings: MachineSettings, workers: int | None = None) -> int:
    """Run a machine until SIGTERM, SIGINT or the end that its group gives it; return its exit status.

    ``workers`` overrides one per GPU. No process is left when this returns. Raises ``CommandError`` when the weights
    cannot be fetched, ``UsageError`` when the group is set and boto3 is missing.
    """
    if settings.machine_group is not None:
        _require_aws()
    async with metadata.connect(settings.metadata_url) as service, Supervisor(lines()) as supervisor:
        stop = _stop_requests(supervisor)
        region = await _region(settings, service)
        crew = Crew(profile, settings, supervisor, region, workers)
        watch = Watch(crew, service, settings) if settings.machine_group is not None else None
        stopping = asyncio.create_task(stop.wait())
        working = asyncio.create_task(crew.work(alone=watch is None))
        ending = working if watch is None else asyncio.create_task(watch.run())
        await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
        log.info("machine.stopping", profile=profile.name, asked=stopping.done())
        await crew.drain()
        for task in (stopping, working, ending):
            task.cancel()
        outcomes = await asyncio.gather(working, ending, return_exceptions=True)
        if watch is not None:
            await watch.close()
    for outcome in (*outcomes, crew.failure):
        if isinstance(outcome, Exception):
            raise outcome
    return EXIT_CONFIGURATION if crew.given_up and not stop.is_set() else os.EX_OK


def lines() -> Log:
    """Return what writes the lines of workers to stderr, each with its worker's name, and the supervisor's own."""
    printer = LinePrinter(sys.stderr.fileno())
    as_json = log_format() == "json"

    def write(name: str, line: str) -> None:
        if name == SUPERVISOR:
            log.warning("machine.supervisor", what=line)
        elif as_json:
            printer("", labelled(name, line))
        else:
            printer(name, line)

    return write


def labelled(name: str, line: str) -> str:
    """Return a worker's line as JSON with the worker's name; what is no JSON object becomes the event worker.said."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        fields = {"event": "worker.said", "line": line}
    return json.dumps({"worker": name, **fields})


async def _region(settings: MachineSettings, service: Metadata) -> str | None:
    """Return the region of the environment, or the machine's own where it belongs to a group."""
    named = settings.region or os.environ.get("AWS_DEFAULT_REGION")
    if named or settings.machine_group is None:
        return named
    try:
        return (await service.identity()).region
    except MetadataUnavailable as error:
        log.warning("machine.metadata_unavailable", url=settings.metadata_url, reason=str(error))
        return None


def _require_aws() -> None:
    if importlib.util.find_spec("boto3") is None:
        raise UsageError("DARKROOM_MACHINE_GROUP needs the package boto3: install Darkroom with the aws extra.")


def _stop_requests(supervisor: Supervisor) -> asyncio.Event:
    """Return an event that the first stop signal sets; the second signal kills everything."""
    stop = asyncio.Event()

    def request() -> None:
        if stop.is_set():
            log.warning("machine.killing")
            supervisor.kill()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, request)
    return stop
