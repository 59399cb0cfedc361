"""Runs programs side by side: restarts those that end, prefixes their lines, stops them in order.

Of the libraries that do this, honcho does not restart and circus and supervisord are daemons with control sockets;
what `darkroom up` needs of them is this file.

Each program leads a process group of its own. So Ctrl-C in a terminal reaches the supervisor alone, which stops the
programs in order, and what a program leaves behind (pool children) is ended with its group.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from darkroom import guard
from darkroom.guard import signal_group

Log = Callable[[str, str], None]
"""Takes a program's name and one line of its output."""

SUPERVISOR = "darkroom"
"""Under this name the supervisor's own lines appear."""

_CHUNK_BYTES = 65_536
_LAST_WORDS_SECONDS = 1.0
"""For output that is still in the pipe when a program has ended."""


class Tier(IntEnum):
    """The order of the stop: lower tiers are gone before the next is asked."""

    FRONT = 0
    WORKERS = 1
    SERVERS = 2


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to stop it."""

    name: str
    arguments: tuple[str, ...]
    tier: Tier
    grace_seconds: float
    """From SIGTERM to SIGKILL."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the supervisor's own."""
    directory: Path | None = None
    final_statuses: frozenset[int] = frozenset()
    """Exit statuses after which a new start would end in the same way: it is not made."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a program that ended is started again."""

    first_seconds: float = 0.5
    longest_seconds: float = 10.0
    forgiven_after_seconds: float = 30.0
    """A program that lived so long starts again with the first delay."""

    def delay(self, failures: int) -> float:
        """Seconds before the start that follows so many ends in a row; ``failures`` is at least 1."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** (failures - 1))


class Supervised:
    """One program under supervision: at most one process of it lives."""

    def __init__(self, program: Program, guard_pipe: asyncio.StreamWriter, log: Log, backoff: Backoff) -> None:
        self.program = program
        self.ends = 0
        """How often it ended although nobody asked for that."""
        self.pid: int | None = None
        self.has_given_up = False
        """Whether it ended with a status after which it is not started again."""
        self._status: int | None = None
        self._guard_pipe = guard_pipe
        self._log = log
        self._backoff = backoff
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=program.name)

    async def stop(self) -> None:
        """Ask the program to end, insist after its grace, and return when its whole group is gone."""
        self._stopping.set()
        self._signal_leader(signal.SIGTERM)
        done, _ = await asyncio.wait({self._task}, timeout=self.program.grace_seconds)
        if not done:
            self._log(SUPERVISOR, f"{self.program.name} did not stop in {self.program.grace_seconds:g} s: killed")
            self.kill()
        await self._task

    async def over(self) -> None:
        """Return when it is not going to be started again."""
        await asyncio.wait({self._task})

    def kill(self) -> None:
        """End the whole group at once, for good."""
        self._stopping.set()
        if self.pid is not None:
            signal_group(self.pid, signal.SIGKILL)

    async def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            outcome = await self._live()
            if self._stopping.is_set():
                return
            self.ends += 1
            if self._status in self.program.final_statuses:
                self.has_given_up = True
                self._log(SUPERVISOR, f"{self.program.name} {outcome}; it is not started again")
                return
            lived = asyncio.get_running_loop().time() - started
            failures = 1 if lived >= self._backoff.forgiven_after_seconds else failures + 1
            delay = self._backoff.delay(failures)
            self._log(SUPERVISOR, f"{self.program.name} {outcome}; it starts again in {delay:g} s")
            await self._pause(delay)

    async def _live(self) -> str:
        """Run one process to its end and say how it ended."""
        self._status = None
        # A pipe of our own: with asyncio's, `wait` would wait until grandchildren have closed it too.
        output, their_output = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self.program.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=their_output,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self.program.directory,
                env={**os.environ, **self.program.environment},
                start_new_session=True,
            )
        except OSError as error:
            os.close(output)
            return f"could not be started ({error})"
        finally:
            os.close(their_output)
        self.pid = process.pid
        self._tell_guard("+")
        if self._stopping.is_set():  # the stop came while the process was being made
            self._signal_leader(signal.SIGTERM)
        relay = asyncio.create_task(self._relay(output))
        status = self._status = await process.wait()
        signal_group(process.pid, signal.SIGKILL)
        self._tell_guard("-")
        self.pid = None
        await asyncio.wait({relay}, timeout=_LAST_WORDS_SECONDS)
        relay.cancel()
        return describe_exit(status)

    async def _relay(self, output: int) -> None:
        """Log each line of the program's output; a line may be of any length."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            partial(asyncio.StreamReaderProtocol, reader), os.fdopen(output, "rb")
        )
        with contextlib.closing(transport):
            rest = b""
            while chunk := await reader.read(_CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                self._log_lines(lines)
            self._log_lines([rest])

    def _log_lines(self, lines: list[bytes]) -> None:
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self._log(self.program.name, text)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _signal_leader(self, number: signal.Signals) -> None:
        # Only the leader: a pool child that got the signal too would drop its task instead of finishing it.
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended a moment ago
                os.kill(self.pid, number)

    def _tell_guard(self, sign: str) -> None:
        self._guard_pipe.write(f"{sign}{self.program.tier:d} {self.pid}\n".encode())


class Supervisor:
    """Programs under supervision while the context is open; when it closes, they are stopped in order."""

    def __init__(self, log: Log, backoff: Backoff | None = None) -> None:
        self._log = log
        self._backoff = backoff or Backoff()
        self._programs: list[Supervised] = []
        self._guard: asyncio.subprocess.Process
        self._guard_pipe: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        """Start the guard, which ends the programs if this process is killed."""
        self._guard = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(Path(guard.__file__))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._guard.stdin is not None  # noqa: S101 - it was asked for when the process was made
        self._guard_pipe = self._guard.stdin
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every program; none is left when this returns."""
        await self.stop()
        self._guard_pipe.close()
        await self._guard.wait()

    def start(self, program: Program) -> Supervised:
        """Run a program from now on until the stop."""
        supervised = Supervised(program, self._guard_pipe, self._log, self._backoff)
        self._programs.append(supervised)
        return supervised

    async def stop(self) -> None:
        """Stop every program for good, those of a tier side by side; none is left when this returns."""
        for tier in Tier:
            await asyncio.gather(*(each.stop() for each in self._programs if each.program.tier is tier))

    def kill(self) -> None:
        """End everything at once; the closing context then has nothing to wait for."""
        for each in self._programs:
            each.kill()

    def unsteady(self) -> list[str]:
        """Names of the programs that ended without being asked to."""
        return [each.program.name for each in self._programs if each.ends]


def describe_exit(status: int) -> str:
    """Say how a process ended; ``status`` is negative for a signal, as in ``subprocess``."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal has no name
        return f"was ended by signal {-status}"
