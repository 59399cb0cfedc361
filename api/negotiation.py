"""Content negotiation (RFC 9110, 12.5.1). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """One media range of an Accept header."""

    main: str
    sub: str
    quality: float

    def precision(self, media_type: str) -> int:
        """Return how exactly the range names a type: 3 the type, 2 its family, 1 anything, 0 not at all."""
        main, _, sub = media_type.partition("/")
        if (self.main, self.sub) == (main, sub):
            return 3
        if (self.main, self.sub) == (main, "*"):
            return 2
        return int((self.main, self.sub) == ("*", "*"))


def parse(accept: str) -> tuple[Range, ...]:
    """Read an Accept header; what cannot be understood is skipped, and an empty one accepts anything."""
    ranges = (_range(part) for part in accept.split(",") if part.strip())
    return tuple(each for each in ranges if each is not None) or (Range("*", "*", 1.0),)


def choose(accept: str, offers: Sequence[str]) -> str | None:
    """Return the offer that the client likes best, the earliest among equals; None if it accepts none."""
    ranges = parse(accept)
    best = max(offers, key=lambda offer: quality(ranges, offer))
    return best if quality(ranges, best) > 0 else None


def quality(ranges: Sequence[Range], media_type: str) -> float:
    """Return what the most precise range says of a type; 0 if none does."""
    matching = [each for each in ranges if each.precision(media_type)]
    if not matching:
        return 0.0
    return max(matching, key=lambda each: each.precision(media_type)).quality


def _range(part: str) -> Range | None:
    media_type, *parameters = (piece.strip() for piece in part.lower().split(";"))
    main, slash, sub = media_type.partition("/")
    if not slash:
        return None
    weights = [each[2:] for each in parameters if each.startswith("q=")]
    try:
        return Range(main, sub, min(1.0, max(0.0, float(weights[0]))) if weights else 1.0)
    except ValueError:
        return None
