"""Calls that may be slow, beside a thread that must not wait for them."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 0.3
"""How long whoever sends a call waits for it: AWS answers in tenths of a second, and most are back by then."""


class Sent(Future[T]):
    """A call and what it brought."""

    def __init__(self, sent_at: float) -> None:
        """Take the time at which it was sent."""
        super().__init__()
        self.sent_at = sent_at


class Errand(Generic[T]):
    """One call at a time on a thread of its own; whoever sent it comes back for what it brought."""

    def __init__(self, name: str) -> None:
        """Take the thread's name."""
        self._name = name
        self._out: Sent[T] | None = None

    def send(self, call: Callable[[], T], now: float) -> bool:
        """Begin a call and wait for a moment; do nothing, and say so, while the last one has not been picked up."""
        if self._out is not None:
            return False
        self._out = Sent(now)
        # A daemon: a process that ends does not wait for a silent server.
        threading.Thread(target=_run, args=(self._out, call), name=self._name, daemon=True).start()
        wait([self._out], timeout=PATIENCE_SECONDS)
        return True

    def brought(self) -> Sent[T] | None:
        """Return the call that has come back, once; its ``result`` raises what the call raised."""
        if self._out is None or not self._out.done():
            return None
        back, self._out = self._out, None
        return back


def _run(out: Sent[T], call: Callable[[], T]) -> None:
    try:
        out.set_result(call())
    except Exception as error:  # noqa: BLE001 - raised again where the result is read
        out.set_exception(error)
