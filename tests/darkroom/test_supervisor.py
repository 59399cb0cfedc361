"""The supervisor, with real child processes that the tests write themselves."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from darkroom.guard import group_exists
from darkroom.supervisor import Backoff, Program, Supervisor, Tier, describe_exit
from tests.lab import wait_for

FAST = Backoff(first_seconds=0.01, longest_seconds=0.04, forgiven_after_seconds=60)

READY_THEN_SLEEP = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
WITH_GRANDCHILD = (
    "import signal, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    "print('grandchild', child.pid, flush=True)\n"
    "time.sleep(60)\n"
)


class Lines:
    """Collects log lines and lets a test wait for one."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, name: str, line: str) -> None:
        """Take a line; this is the supervisor's log."""
        self.seen.append((name, line))
        task = asyncio.get_running_loop().create_task(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, name: str, word: str, times: int = 1) -> str:
        """Return the line once a program has logged the word so often."""

        def matches() -> list[str]:
            return [line for its, line in self.seen if its == name and word in line]

        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: len(matches()) >= times)
        return matches()[-1]


def python(name: str, code: str, *, tier: Tier = Tier.WORKERS, grace: float = 10.0) -> Program:
    """A program that runs a piece of Python."""
    return Program(name=name, arguments=(sys.executable, "-c", code), tier=tier, grace_seconds=grace)


def test_a_program_that_ends_is_started_again() -> None:
    """A program killed from outside runs again, and a line says how it ended."""

    async def scenario() -> tuple[int, int | None]:
        lines = Lines()
        async with Supervisor(lines, FAST) as supervisor:
            child = supervisor.start(python("child", READY_THEN_SLEEP))
            await lines.until("child", "ready")
            first = child.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await lines.until("darkroom", "child was ended by SIGKILL")
            await lines.until("child", "ready", times=2)
            return first, child.pid

    first, second = asyncio.run(scenario())
    assert second is not None
    assert first != second


def test_a_program_that_cannot_work_is_not_started_again() -> None:
    """After a status that its program calls final it stays ended, which is known; other statuses are not final."""
    code = "import os, sys, pathlib; ends = pathlib.Path(sys.argv[1]); ends.write_text(ends.read_text() + 'x')\n"
    code += "sys.exit(78 if len(ends.read_text()) == 2 else 1)"

    async def scenario(ends: Path) -> tuple[bool, int]:
        lines = Lines()
        async with Supervisor(lines, FAST) as supervisor:
            program = Program("child", (sys.executable, "-c", code, str(ends)), Tier.WORKERS, 5.0)
            child = supervisor.start(replace(program, final_statuses=frozenset({78})))
            async with asyncio.timeout(30):
                await child.over()
            assert ("darkroom", "child ended with status 78; it is not started again") in lines.seen
            return child.has_given_up, child.ends

    with tempfile.NamedTemporaryFile() as ends:
        assert asyncio.run(scenario(Path(ends.name))) == (True, 2)


def test_a_program_that_cannot_be_found_is_reported() -> None:
    """A missing executable is a line in the log, not an exception in the supervisor."""

    async def scenario() -> str:
        lines = Lines()
        async with Supervisor(lines, FAST) as supervisor:
            supervisor.start(Program("ghost", ("/nowhere/ghost",), Tier.FRONT, 1.0))
            return await lines.until("darkroom", "ghost could not be started", times=2)

    assert "No such file" in asyncio.run(scenario())


def test_the_stop_goes_tier_by_tier() -> None:
    """The gateway's tier is gone before workers are asked to stop, and those before the servers."""
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n"
        "    print('asked', flush=True)\n"
        "    time.sleep(0.1)\n"
        "    print('gone', flush=True)\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )

    async def scenario() -> list[tuple[str, str]]:
        lines = Lines()
        async with Supervisor(lines, FAST) as supervisor:
            for tier in reversed(Tier):
                supervisor.start(python(tier.name, code, tier=tier))
            for tier in Tier:
                await lines.until(tier.name, "ready")
        return [line for line in lines.seen if line[1] != "ready"]

    assert asyncio.run(scenario()) == [(tier.name, word) for tier in Tier for word in ("asked", "gone")]


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace() -> None:
    """The stop ends although a program refuses, and says which one did."""

    async def scenario() -> tuple[int, Lines]:
        lines = Lines()
        async with Supervisor(lines, FAST) as supervisor:
            child = supervisor.start(python("stubborn", STUBBORN, grace=0.2))
            await lines.until("stubborn", "ready")
            assert child.pid is not None
            pid = child.pid
        return pid, lines

    pid, lines = asyncio.run(scenario())
    assert not group_exists(pid)
    assert ("darkroom", "stubborn did not stop in 0.2 s: killed") in lines.seen


def test_a_second_request_kills_at_once() -> None:
    """``kill`` cuts a running grace short."""

    async def scenario() -> float:
        lines = Lines()
        supervisor = Supervisor(lines, FAST)
        async with supervisor:
            supervisor.start(python("stubborn", STUBBORN, grace=60))
            await lines.until("stubborn", "ready")
            asyncio.get_running_loop().call_later(0.1, supervisor.kill)
            stopping = time.monotonic()
        return time.monotonic() - stopping

    assert asyncio.run(scenario()) < 10


def test_grandchildren_are_ended_with_their_parent() -> None:
    """What a program leaves behind (pool children) does not outlive it."""

    async def scenario() -> int:
        lines = Lines()
        async with Supervisor(lines, FAST) as supervisor:
            parent = supervisor.start(python("parent", WITH_GRANDCHILD))
            await lines.until("parent", "grandchild")
            assert parent.pid is not None
            return parent.pid

    group = asyncio.run(scenario())
    wait_for(lambda: not _alive(group), "the grandchild to end", seconds=10)


def test_no_program_survives_a_killed_supervisor() -> None:
    """SIGKILL on the supervisor ends its programs too, grandchildren included."""
    code = (
        "import asyncio\n"
        "from darkroom.supervisor import *\n"
        "import sys\n"
        "async def main():\n"
        "    async with Supervisor(lambda name, line: print(line, flush=True)) as supervisor:\n"
        f"        supervisor.start(Program('parent', (sys.executable, '-c', {WITH_GRANDCHILD!r}), Tier.WORKERS, 5))\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        grandchild = int(supervisor.stdout.readline().split()[1])
        group = os.getpgid(grandchild)
        supervisor.kill()
    wait_for(lambda: not _alive(group), "the guard to end the group", seconds=10)


def test_a_line_of_any_length_is_passed_on() -> None:
    """A line longer than a stream buffer arrives whole, and so does one without an end."""

    async def scenario() -> list[int]:
        lines = Lines()
        async with Supervisor(lines, FAST) as supervisor:
            supervisor.start(python("long", "print('x' * 300_000); print('end', end='')"))
            await lines.until("long", "end")
        return [len(line) for name, line in lines.seen if name == "long"][:2]

    assert asyncio.run(scenario()) == [300_000, 3]


@pytest.mark.parametrize(("failures", "delay"), [(1, 0.5), (2, 1.0), (4, 4.0), (6, 10.0), (60, 10.0)])
def test_the_delay_doubles_up_to_its_limit(failures: int, delay: float) -> None:
    """A program that keeps ending is started less and less often, at least every ten seconds."""
    assert Backoff().delay(failures) == delay


def test_ends_are_described_in_words() -> None:
    """Statuses, signals and signals without a name all read as a phrase."""
    assert [describe_exit(3), describe_exit(-15), describe_exit(-50)] == [
        "ended with status 3",
        "was ended by SIGTERM",
        "was ended by signal 50",
    ]


def _alive(group: int) -> bool:
    """Whether a process group has a member that is no zombie."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False
