"""How long a client of Valkey keeps trying: by the clock, whether each try is refused at once or waits in vain."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from redis.backoff import ExponentialBackoff
from redis.retry import Retry

T = TypeVar("T")

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.05, 0.5
"""Between two tries; doubled each time."""


class Patience(Retry):
    """Tries again until so many seconds have gone.

    A count of tries cannot say that: a server that restarts refuses each within a millisecond, and one behind a dead
    connection keeps each waiting for the socket's time-out. redis-py gives every connection a copy of its own, and
    reconnects within a command: the inner tries end with the outer ones.
    """

    def __init__(self, seconds: float) -> None:
        """Keep trying for so long, whatever the number of tries."""
        super().__init__(ExponentialBackoff(cap=LAST_PAUSE_SECONDS, base=FIRST_PAUSE_SECONDS), -1)
        self._seconds = seconds
        self._until: float | None = None

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> T:
        """Return what ``do`` returns; once the time is over its error is raised, after ``fail`` has cleaned up."""
        if self._until is not None:
            return super().call_with_retry(do, self._checked(fail, self._until), is_retryable, with_failure_count)
        self._until = time.monotonic() + self._seconds
        try:
            return super().call_with_retry(do, self._checked(fail, self._until), is_retryable, with_failure_count)
        finally:
            self._until = None

    @staticmethod
    def _checked(fail: Callable[..., Any], until: float) -> Callable[..., Any]:
        def failed(error: Exception, *count: int) -> None:
            fail(error, *count)
            if time.monotonic() >= until:
                raise error

        return failed
