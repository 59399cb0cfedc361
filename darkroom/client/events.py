"""Server-sent events out of bytes, as the WHATWG's HTML standard reads them (9.2.6)."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """An event that has data."""

    id: str
    """The last id that the stream has told."""
    data: str


class EventParser:
    """Reads a stream piece by piece; an event whose blank line never comes is none."""

    def __init__(self) -> None:
        """Begin at the start of a stream."""
        self.retry_seconds: float | None = None
        """How long to wait before the next try, if the stream has told."""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._id = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Yield the events that these bytes complete."""
        text = self._rest + self._decoder.decode(chunk)
        # A CR at the end may be the first half of a line's end.
        held = text.endswith("\r")
        *lines, self._rest = _LINE_END.split(text[:-1] if held else text)
        if held:
            self._rest += "\r"
        for line in lines:
            if line:
                self._field(line)
            elif self._data:
                yield ServerEvent(self._id, "\n".join(self._data))
                self._data = []

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry_seconds = int(value) / 1000
            case _:
                pass  # a comment, or a field that nobody knows
