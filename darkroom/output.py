"""Lines of many programs on one terminal or pipe."""

import os
import select
import sys
from typing import Final

_COLOURS: Final = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_PATIENCE_SECONDS = 0.5
_SAFE_BYTES = 4096
"""A pipe that select calls writable takes this much without blocking (PIPE_BUF)."""


class LinePrinter:
    """Writes ``name │ line``, with a colour per name on a terminal.

    A reader that stops reading (a full pipe, a terminal on hold) must not stop the supervisor, so lines are dropped
    and counted until it reads again. A reader that went away is no error either.
    """

    def __init__(self, descriptor: int | None = None, *, colour: bool | None = None) -> None:
        self._descriptor = sys.stdout.fileno() if descriptor is None else descriptor
        self._colour = os.isatty(self._descriptor) and "NO_COLOR" not in os.environ if colour is None else colour
        self._names: list[str] = []
        self._dropped = 0
        self._gone = False

    def __call__(self, name: str, line: str) -> None:
        """Write one line of a program; without a name, the line as it is."""
        line = f"{self._prefix(name)} {line}" if name else line
        if self._dropped and self._writable(0):
            count, self._dropped = self._dropped, 0
            self._put(f"({count} lines were dropped: nobody read them)")
        if self._dropped:
            self._dropped += 1
        else:
            self._put(line)

    def _put(self, line: str) -> None:
        data = f"{line}\n".encode(errors="replace")
        for start in range(0, len(data), _SAFE_BYTES):
            if self._gone or not self._writable(_PATIENCE_SECONDS):
                self._dropped += 1
                return
            try:
                os.write(self._descriptor, data[start : start + _SAFE_BYTES])
            except BrokenPipeError:
                self._gone = True

    def _writable(self, seconds: float) -> bool:
        return not self._gone and bool(select.select([], [self._descriptor], [], seconds)[1])

    def _prefix(self, name: str) -> str:
        if name not in self._names:
            self._names.append(name)
        text = f"{name:<8} │"
        if not self._colour:
            return text
        return f"\x1b[{_COLOURS[self._names.index(name) % len(_COLOURS)]}m{text}\x1b[0m"
