"""Content negotiation (RFC 9110, 12.5.1). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.errors import ErrorCode, InputError


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


def prefers_json(accept: str, images: Sequence[str], *, by_default: bool) -> bool:
    """Whether to answer with JSON and not with an image of one of these types; a tie goes by the default.

    Raises ``InputError`` (not_acceptable) where the client accepts neither.
    """
    ranges = parse(accept)
    as_json = quality(ranges, "application/json")
    as_image = max(quality(ranges, each) for each in images)
    if not (as_json or as_image):
        raise InputError(ErrorCode.NOT_ACCEPTABLE, "The answer can be had as an image (image/*) or application/json.")
    return as_json > as_image or (as_json == as_image and by_default)


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
