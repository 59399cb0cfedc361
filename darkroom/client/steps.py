"""What a call needs from the outside, as values.

A call is written once, as a generator that yields these and gets their outcome back: the blocking and the asynchronous
client differ only in who carries them out (``drivers.py``).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from darkroom.client.status import Status

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """A request below the gateway's address. At most one of ``json`` and ``files`` is there."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    """Texts of a form, beside its files."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    seconds: float | None = None
    """How long one read may take; the client's time-out if None."""

    def __str__(self) -> str:
        """What errors call it."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Of a stream that was opened, ``content`` is empty."""

    status: int
    headers: Mapping[str, str]
    """Without regard to case."""
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request and give its ``Reply``. Raises ``httpx.TransportError`` where none comes."""

    request: Request
    is_shielded: bool = False
    """Whether it is carried out although the call is being cancelled."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open a stream, in the place of the one before, and give its ``Reply``. Raises ``httpx.TransportError``."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """Give the stream's next bytes, and no bytes at its end. Raises ``httpx.TransportError``."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let some time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Compute:
    """Give what a function returns that keeps a processor or a disk busy."""

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the caller where its job is."""

    status: Status


Step: TypeAlias = Send | Open | Read | Wait | Compute | Tell
Flow: TypeAlias = Generator[Step, Any, T]


def send(request: Request, *, is_shielded: bool = False) -> Flow[Reply]:
    """Yield the step and return its outcome, with its type."""
    reply: Reply = yield Send(request, is_shielded)
    return reply


def open_stream(request: Request) -> Flow[Reply]:
    """Yield the step and return its outcome, with its type."""
    reply: Reply = yield Open(request)
    return reply


def read() -> Flow[bytes]:
    """Yield the step and return its outcome, with its type."""
    chunk: bytes = yield Read()
    return chunk


def compute(work: Callable[[], T]) -> Flow[T]:
    """Yield the step and return its outcome, with its type."""
    outcome: T = yield Compute(work)
    return outcome
