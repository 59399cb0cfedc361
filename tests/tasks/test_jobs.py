"""What an edit is, before anybody works on it."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from tasks.jobs import PRESETS, Edit, Operation, Preset

ID = "a" * 64

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "preset": st.sampled_from(Preset),
    "num_inference_steps": st.integers(1, 100),
    "guidance_scale": st.floats(0, 30),
    "true_cfg_scale": st.floats(0, 30),
    "scheduler_shift": st.floats(0.1, 20),
    "preview_every": st.integers(0, 100),
    "seed": st.integers(0, 2**32 - 1),
    "angle": st.text(max_size=100),
    "enable_mae_refinement": st.booleans(),
}
some_fields = st.fixed_dictionaries({}, optional=FIELDS)


def edit(**fields: Any) -> Edit:
    """A white balance, which needs a photo only."""
    return Edit(operation=Operation.WHITE_BALANCE, photo=ID, **fields)


@given(some_fields)
def test_a_record_gives_back_the_edit_that_was_written(fields: dict[str, Any]) -> None:
    """What the ledger keeps says every parameter: a preset fills nothing in twice."""
    asked = edit(**fields)
    assert Edit.model_validate_json(asked.model_dump_json(exclude_none=True)) == asked


@given(some_fields)
def test_what_a_client_sets_wins_over_its_preset(fields: dict[str, Any]) -> None:
    """A preset, then a guidance scale, stand for what is not given."""
    asked = edit(**fields)
    for name, value in fields.items():
        assert getattr(asked, name) == value
    preset = PRESETS[fields.get("preset", Preset.QUALITY)]
    assert asked.num_inference_steps == fields.get("num_inference_steps", preset["num_inference_steps"])
    scale = fields.get("guidance_scale", preset["true_cfg_scale"])
    assert asked.true_cfg_scale == fields.get("true_cfg_scale", scale)


def test_an_unknown_preset_is_named() -> None:
    """The error is about the field, and about nothing else."""
    with pytest.raises(ValidationError) as caught:
        edit(preset="slow")
    assert [error["loc"] for error in caught.value.errors()] == [("preset",)]
