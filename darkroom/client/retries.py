"""When a request is sent once more, and how long after. Pure, apart from the dice."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from darkroom.client.errors import is_problem
from darkroom.client.steps import Reply

_OVERLOADED = frozenset({429, 503})
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient a client is.

    Every call of this client may be repeated: a submit has an Idempotency-Key, so that its repetition is the same job,
    and all others read, compute anew or end in the same state.
    """

    most: int = 5
    """After the first try."""
    first_seconds: float = 0.5
    longest_seconds: float = 8.0
    patience_seconds: float = 60.0
    """A gateway that asks for a longer wait gets none: its error is the caller's."""

    def after_answer(self, attempt: int, reply: Reply) -> float | None:
        """Return the seconds until the next try after an answer that is an error; None if it is final.

        An error that the gateway itself has written is the answer, unless it says that it is overloaded; others come
        from a proxy that found no gateway.
        """
        is_passing = reply.status in _OVERLOADED or (reply.status >= _SERVER_ERROR and not is_problem(reply))
        if not is_passing or attempt >= self.most:
            return None
        asked = retry_after(reply)
        if asked is None:
            return self.after_silence(attempt)
        # Spread, as all who were told the same would come back together.
        return asked * _dice(1.0, 1.1) if asked <= self.patience_seconds else None

    def after_silence(self, attempt: int) -> float | None:
        """Return the seconds until the next try where no answer came; None if that was the last one."""
        if attempt >= self.most:
            return None
        return min(self.longest_seconds, self.first_seconds * 2.0**attempt) * _dice(0.5, 1.0)


def retry_after(reply: Reply) -> float | None:
    """Return the seconds that an answer asks to wait, whether it names them or a date (RFC 9110, 10.2.3)."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _dice(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - it spreads load, and keeps no secret
