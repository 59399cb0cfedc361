"""What was looked up lately and does not change, so that it is not looked up again at once."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by key, each for a while and all together up to a weight; what was not used for longest goes first.

    For one thread, such as an event loop's.
    """

    def __init__(self, *, most: int, seconds: float, weight: Callable[[Value], int] = lambda _: 1) -> None:
        """``most`` is the weight of all of them: their number, unless ``weight`` says otherwise."""
        self._most = most
        self._seconds = seconds
        self._weight = weight
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._held = 0

    def get(self, key: Key) -> Value | None:
        """Return a value; None if it is not remembered, or not any more."""
        until, value = self._values.get(key, (0.0, None))
        if value is None or time.monotonic() >= until:
            return None
        self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Remember a value from now on; one that takes more than a quarter of the room is not worth it."""
        self._drop(key)
        weight = self._weight(value)
        if weight > self._most // 4:
            return
        self._values[key] = (time.monotonic() + self._seconds, value)
        self._held += weight
        while self._held > self._most:
            self._drop(next(iter(self._values)))

    def _drop(self, key: Key) -> None:
        _, value = self._values.pop(key, (0.0, None))
        if value is not None:
            self._held -= self._weight(value)
