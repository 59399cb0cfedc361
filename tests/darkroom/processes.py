"""Finds the processes that a test has caused, by a mark in their environment."""

import os
import socket
import uuid
from pathlib import Path

import pytest

MARK = "DARKROOM_TEST_MARK"


class Marked:
    """All living processes that inherited one mark, however deep they are."""

    def __init__(self) -> None:
        if not Path("/proc/self/environ").exists():
            pytest.skip("the processes of a test are found through /proc")
        self.mark = uuid.uuid4().hex

    @property
    def environment(self) -> dict[str, str]:
        """What to start a program with so that it and its descendants are found."""
        return {**os.environ, MARK: self.mark}

    def alive(self) -> dict[int, str]:
        """Command lines by process id; zombies have none and do not count."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (process / "environ").read_bytes():
                    found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
            except OSError:  # it ended meanwhile, or is another user's
                continue
        return found

    def pid_of(self, words: str) -> int | None:
        """The oldest process whose command line holds these words."""
        return min((pid for pid, command in self.alive().items() if words in command), default=None)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
