"""Calls from several threads, gathered into one call on many things: a GPU does them at once for little more.

One thread makes all the calls, so what it calls need not be thread-safe.
"""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(slots=True)
class _Waiting(Generic[Item, Outcome]):
    item: Item
    since: float
    future: "Future[Outcome]" = field(default_factory=Future)


class Batcher(Generic[Item, Outcome]):
    """Calls ``compute`` with what has gathered: ``most`` items, or what came within ``wait_seconds`` of the first.

    While it computes, the next batch gathers. An item that is asked for again before it is computed is computed once.
    """

    def __init__(
        self, compute: Callable[[Sequence[Item]], Sequence[Outcome]], *, most: int, wait_seconds: float, name: str
    ) -> None:
        """Start the thread, which lives as long as the process."""
        self._compute = compute
        self._most = most
        self._wait_seconds = wait_seconds
        self._waiting: dict[Hashable, _Waiting[Item, Outcome]] = {}
        self._computing: dict[Hashable, _Waiting[Item, Outcome]] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def __call__(self, key: Hashable, item: Item) -> Outcome:
        """Return what ``compute`` made of an item, and raise what it raised; equal keys are equal items."""
        with self._changed:
            known = self._computing.get(key) or self._waiting.get(key)
            if known is None:
                known = self._waiting[key] = _Waiting(item, time.monotonic())
                self._changed.notify()
        return known.future.result()

    def _run(self) -> None:
        while True:
            self._gather()
            batch = list(self._computing.values())
            try:
                outcomes = self._compute([each.item for each in batch])
                for each, outcome in zip(batch, outcomes, strict=True):
                    each.future.set_result(outcome)
            except BaseException as error:  # noqa: BLE001 - it belongs to the callers, and the thread has to go on
                for each in batch:
                    if not each.future.done():
                        each.future.set_exception(error)

    def _gather(self) -> None:
        """Wait for a batch to be full or old enough, and take it."""
        with self._changed:
            self._computing = {}
            self._changed.wait_for(lambda: self._waiting)
            until = next(iter(self._waiting.values())).since + self._wait_seconds
            self._changed.wait_for(lambda: len(self._waiting) >= self._most, max(0.0, until - time.monotonic()))
            taken = list(self._waiting)[: self._most]
            self._computing = {key: self._waiting.pop(key) for key in taken}
