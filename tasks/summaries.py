"""What a task's arguments look like to whoever watches: in Flower, and in the events that it reads.

Ids are shown, shortened where they are an image's, and an option's numbers and known words. Nothing else is: a message
that somebody sent by name may hold a prompt.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

HIDDEN = "…"

_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_WORDS_OF = frozenset({"owner", "request_id", "format", "fit", "method", "background", "mask_tool_type", "model_type"})
"""Keywords whose value is a word out of a list, or an id."""
_SHOWN_OF_AN_IMAGE_ID = 12
"""Enough to find the image among those of a day."""
_MOST_NUMBERS = 30
"""A box, or ten points and their labels."""
_LONGEST = 200
"""Characters of all arguments together; a click with ten points takes about 150."""


class Summary(NamedTuple):
    """Stands for the arguments."""

    args: str
    kwargs: str


def summary(args: Any, kwargs: Any, subject: str = "") -> Summary:
    """Describe arguments, whatever they are; ``subject`` says what is made for which job, and stands before them.

    >>> summary(["a" * 64], {"width": 512, "prompt": "car"})
    Summary(args='aaaaaaaaaaaa…', kwargs='width=512 prompt=…')
    >>> summary(["a" * 64], {}, "mae 7f3c")
    Summary(args='mae 7f3c aaaaaaaaaaaa…', kwargs='')
    """
    named = [subject] if subject else []
    positional = map(_shown, args) if isinstance(args, list | tuple) else [HIDDEN]
    pairs = kwargs.items() if isinstance(kwargs, Mapping) else ()
    keywords = (f"{_shown(name)}={_keyword(name, value)}" for name, value in pairs)
    return Summary(_cut(" ".join((*named, *positional))), _cut(" ".join(keywords)))


def _keyword(name: Any, value: Any) -> str:
    return HIDDEN if isinstance(value, str) and name not in _WORDS_OF else _shown(value)


def _shown(value: Any) -> str:
    match value:
        case None | bool() | int() | float():
            return f"{value}"
        case str() if _IMAGE_ID.fullmatch(value):
            return f"{value[:_SHOWN_OF_AN_IMAGE_ID]}{HIDDEN}"
        case str() if _WORD.fullmatch(value):
            return value
        case list() | tuple() if _is_of_numbers(value):
            return f"[{' '.join(map(_shown, value))}]"
        case _:
            return HIDDEN


def _is_of_numbers(values: Sequence[Any]) -> bool:
    """Whether these are a few numbers, or points of two."""
    flat = [each for value in values for each in (value if isinstance(value, list | tuple) else [value])]
    return len(flat) <= _MOST_NUMBERS and all(isinstance(each, int | float) for each in flat)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}{HIDDEN}"
