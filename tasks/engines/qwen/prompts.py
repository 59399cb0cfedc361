"""From a request to the words that the model reads. Pure; the tokenizer is a function that it is given."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from tasks.jobs import Edit, Operation

PROMPT_TOKENS: Final = 1000
"""Longest prompt: the model was trained on 1,024 tokens, of which diffusers' template closes with a few. The pipeline
for edits has no bound of its own, and every token takes part in every step."""

DEFAULTS: Final[Mapping[Operation, str]] = {
    Operation.REMOVAL: "Remove the object in the marked area and continue the background behind it.",
    Operation.INSERTION: (
        "Put the object of the first picture into the marked area of the scene, with fitting light, scale and shadow."
    ),
    Operation.WHITE_BALANCE: "Correct the white balance: neutral greys, natural colours, everything else unchanged.",
}
"""What an edit without a prompt asks for; text-to-image always has one."""

ANGLES: Final[Mapping[str, str]] = {
    "front": "Seen straight from the front.",
    "back": "Seen from behind.",
    "left": "Seen from its left side.",
    "right": "Seen from its right side.",
    "three-quarter": "Seen from a three-quarter angle.",
    "top": "Seen straight from above.",
    "low": "Seen from a low angle, looking up.",
    "high": "Seen from a high angle, looking down.",
    "eye-level": "Seen at eye level.",
}
BACKGROUNDS: Final[Mapping[str, str]] = {
    "white": "The background is plain white.",
    "transparent": "The background is plain white.",
    "studio": "The background is a seamless studio backdrop with soft, even light.",
    "gradient": "The background is a soft, neutral gradient.",
    "marble": "It stands on a marble surface.",
    "wood": "It stands on a wooden table.",
    "kitchen": "The setting is a bright kitchen.",
    "living-room": "The setting is a cosy living room.",
    "office": "The setting is a tidy office.",
    "street": "The setting is a city street by day.",
    "night-city": "The setting is a city at night, with lights out of focus.",
    "beach": "The setting is a sunny beach.",
    "forest": "The setting is a forest with light falling through the leaves.",
    "mountains": "The setting is a mountain landscape.",
}
NO_NEGATIVE: Final = " "
"""Stands for an empty negative prompt: guidance compares with a picture of nothing in particular."""


class Prompts(NamedTuple):
    """What the model is asked for and what it is guided away from, and what to tell the client about it."""

    positive: str
    negative: str
    notes: tuple[str, ...]


Spans = Callable[[str], Sequence[tuple[int, int]]]
"""Cuts a text into tokens: for each, where its characters begin and end."""


def compose(edit: Edit, tokens_of: Spans) -> Prompts:
    """Return the prompts of an edit, each of at most ``PROMPT_TOKENS`` tokens.

    Angle and background are sentences behind the prompt: those of the tables for a known name, else the client's own.
    """
    notes: list[str] = []
    asked = edit.prompt.strip() or DEFAULTS[edit.operation]
    seen = _and(_and(asked, _expanded(edit.angle, ANGLES)), _expanded(edit.background_preset, BACKGROUNDS))
    positive = _cut(seen, "prompt", tokens_of, notes)
    negative = _cut(edit.negative_prompt.strip(), "negative prompt", tokens_of, notes)
    return Prompts(positive, negative or NO_NEGATIVE, tuple(notes))


def plain(text: str) -> str:
    """Take the model's control tokens (``<|im_end|>``, ``<|image_pad|>``…) out of a client's words."""
    return text.replace("<|", "< |")


def _expanded(choice: str | None, table: Mapping[str, str]) -> str:
    if not choice or not choice.strip():
        return ""
    name = "-".join(choice.lower().replace("_", " ").replace("-", " ").split())
    return table.get(name, choice.strip())


def _and(text: str, sentence: str) -> str:
    """Return a text and one more sentence."""
    if not sentence:
        return text
    return f"{text} {sentence}" if text[-1] in ".!?…。！？" else f"{text}. {sentence}"


def _cut(text: str, name: str, tokens_of: Spans, notes: list[str]) -> str:
    text = plain(text)
    tokens = tokens_of(text)
    if len(tokens) <= PROMPT_TOKENS:
        return text
    notes.append(f"The {name} has {len(tokens)} tokens; the model read the first {PROMPT_TOKENS}.")
    return text[: tokens[PROMPT_TOKENS][0]]
