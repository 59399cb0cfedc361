from typing import Any

import pytest
from hypothesis import given, strategies as st

from tasks.engines.qwen.prompts import ANGLES, BACKGROUNDS, DEFAULTS, PROMPT_TOKENS, Prompts, compose, plain
from tasks.jobs import Edit, Operation

ID = "0" * 64


def edit(operation: Operation = Operation.REMOVAL, **fields: Any) -> Edit:
    return Edit(**{"operation": operation, "photo": ID, "mask": ID, "reference": ID, **fields})


def letters(text: str) -> list[tuple[int, int]]:
    """A tokenizer of one token per character."""
    return [(index, index + 1) for index in range(len(text))]


def composed(**fields: Any) -> Prompts:
    return compose(edit(**fields), letters)


@pytest.mark.parametrize("operation", [Operation.REMOVAL, Operation.INSERTION, Operation.WHITE_BALANCE])
def test_an_edit_without_a_prompt_asks_for_its_operation(operation: Operation) -> None:
    assert compose(edit(operation), letters).positive == DEFAULTS[operation]


def test_a_prompt_alone_is_passed_on_as_it_is() -> None:
    assert composed(prompt="  a red chair ").positive == "a red chair"


def test_known_names_become_sentences_and_others_stay_the_clients_own() -> None:
    assert composed(prompt="a chair", angle="Eye_Level", background_preset="living room").positive == (
        f"a chair. {ANGLES['eye-level']} {BACKGROUNDS['living-room']}"
    )
    assert composed(prompt="A chair!", angle="from the moon").positive == "A chair! from the moon"


def test_an_empty_negative_prompt_is_a_space() -> None:
    """Guidance runs only with a negative prompt."""
    assert composed(negative_prompt="  ").negative == " "
    assert composed(negative_prompt="blurry ").negative == "blurry"


def test_long_prompts_are_cut_and_the_client_told() -> None:
    """Each token costs memory in every step, and the pipeline for edits has no bound."""
    long = composed(prompt="ab" * PROMPT_TOKENS, negative_prompt="c" * (PROMPT_TOKENS + 1))
    assert long.positive == "ab" * (PROMPT_TOKENS // 2)
    assert long.negative == "c" * PROMPT_TOKENS
    assert long.notes == (
        f"The prompt has {2 * PROMPT_TOKENS} tokens; the model read the first {PROMPT_TOKENS}.",
        f"The negative prompt has {PROMPT_TOKENS + 1} tokens; the model read the first {PROMPT_TOKENS}.",
    )


words = st.text(st.sampled_from("<|>ae .") | st.characters(codec="utf-8"), max_size=60)


@given(words)
def test_no_text_holds_a_control_token(text: str) -> None:
    """A client could otherwise end the instruction, or promise pictures that are not there."""
    assert "<|" not in plain(text)
    assert plain(text).replace("< |", "<|") == text.replace("< |", "<|")


@given(words, words, words, words)
def test_any_words_give_prompts(prompt: str, negative: str, angle: str, background: str) -> None:
    both = composed(prompt=prompt, negative_prompt=negative, angle=angle, background_preset=background)
    assert both.positive.strip()
    assert both.negative
    assert both.notes == ()
