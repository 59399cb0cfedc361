"""Ends what a supervisor started when the supervisor is killed.

A process of its own, in its own session, that runs on the standard library alone. Its standard input is a pipe from
the supervisor: ``+TIER PID`` and ``-TIER PID`` lines say which process groups live. When the pipe ends (the supervisor
is gone, however that happened) each group that is left gets SIGTERM, tier by tier, then SIGKILL. After an orderly stop
none is left. Unlike Linux's parent-death signal this also reaches grandchildren, keeps the order, and works on macOS.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 5.0
"""Per tier: a worker gives its job back in well under a second, Valkey needs one to save."""
_POLL_SECONDS = 0.05


def main() -> None:
    """Follow the supervisor's lines to their end, then end the groups that they left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end_groups(follow(sys.stdin))


def follow(lines: Iterable[str]) -> dict[int, int]:
    """Return the tier of each process group that is left at the end of the lines."""
    groups: dict[int, int] = {}
    for line in lines:
        tier, _, pid = line[1:].partition(" ")
        if line.startswith("+"):
            groups[int(pid)] = int(tier)
        else:
            groups.pop(int(pid), None)
    return groups


def end_groups(groups: dict[int, int]) -> None:
    """End process groups, lower tiers first."""
    for tier in sorted(set(groups.values())):
        members = [pid for pid, its in groups.items() if its == tier]
        for pid in members:
            signal_group(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while any(map(group_exists, members)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        for pid in members:
            signal_group(pid, signal.SIGKILL)


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal a process group; one that is gone is no error."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:  # macOS says so of a group that consists of zombies
        return


def group_exists(pid: int) -> bool:
    """Whether a process group has a member, a zombie included."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    return True


if __name__ == "__main__":
    main()
