"""What is shown of a task's arguments."""

import doctest
from typing import Any

import pytest

from tasks import messages, summaries
from tasks.messages import OPERATION, PART
from tasks.summaries import summary

IMAGE = "0a1b2c3d4e5f" + "0" * 52
JOB = "5a1c7a0e-6a86-4d5f-8d0c-6c2b1c7d9e10"


def test_the_examples_are_true() -> None:
    """The docstrings' examples hold."""
    assert doctest.testmod(summaries).failed == 0


@pytest.mark.parametrize(
    ("headers", "args"),
    [
        ({PART: {"job": JOB, "launch": "1", "role": "mae"}}, f"mae {JOB} 0a1b2c3d4e5f…"),
        ({OPERATION: "removal"}, f"removal {JOB}"),
        ({}, "0a1b2c3d4e5f…"),
    ],
)
def test_a_message_says_what_it_is_for(headers: dict[str, Any], args: str) -> None:
    """A part shows its role and its job, a job's own message the operation and the job, any other its images."""
    assert messages.described(JOB, [IMAGE], {}, headers).args == args


@pytest.mark.parametrize(
    "value",
    ["a red car", "car", b"pixels", {"prompt": "car"}, ["car"], [["car"]], [[["car"]]], [0] * 1000, object()],
    ids=lambda value: type(value).__name__,
)
def test_what_somebody_may_have_said_is_hidden(value: Any) -> None:
    """A prompt is not shown, under whatever name it comes, and neither is anything else that is no number or id."""
    shown = summary([], {"prompt": value, "surprise": value, "a sentence": 1})
    assert shown.kwargs == "prompt=… surprise=… …=1"


def test_options_are_shown() -> None:
    """Numbers, boxes, points and known words are what tells one call from another."""
    options = {"width": 512, "format": "jpeg", "upscale": False, "points": [[1, 2], [3.5, 4]], "bbox": [0, 0, 9, 9]}
    assert summary([IMAGE], options) == (
        "0a1b2c3d4e5f…",
        "width=512 format=jpeg upscale=False points=[[1 2] [3.5 4]] bbox=[0 0 9 9]",
    )


@pytest.mark.parametrize("arguments", [(None, None), ("text", "text"), ({}, []), (["x" * 1000] * 1000, {})])
def test_nothing_makes_it_fail_or_grow(arguments: tuple[Any, Any]) -> None:
    """Arguments that are no list and no mapping, and endless ones, are shown as such in a few characters."""
    assert all(len(text) <= 201 for text in summary(*arguments))
