import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tasks.engines import EngineUnusable
from tasks.engines.qwen import adapters as lora
from tasks.engines.qwen.adapters import Adapter, Chosen
from tasks.engines.qwen.loading import Model, Source, Switches, load
from tasks.errors import ErrorCode, InputError
from tasks.jobs import Edit, Operation
from tests.standins import qwen as standin

REMEDY = "Pull it again."
ID = "0" * 64


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return standin.build(tmp_path_factory.mktemp("models"))


@pytest.fixture
def checkpoint(models: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(models / "qwen-image-edit", tmp_path / "qwen-image-edit"))


def loaded(checkpoint: Path | str, adapters: Path, switches: Switches | None = None) -> Model:
    return load(Source(str(checkpoint), adapters, REMEDY), switches or Switches(), lambda _: None)


def refusal(checkpoint: Path | str, adapters: Path, switches: Switches | None = None) -> str:
    with pytest.raises(EngineUnusable) as caught:
        loaded(checkpoint, adapters, switches)
    return str(caught.value)


def test_each_part_is_told_before_it_is_loaded(models: Path) -> None:
    told: list[str] = []
    model = load(Source(str(models / "qwen-image-edit"), models / "adapters", REMEDY), Switches(), told.append)
    assert told == [
        "Loading the tokenizer (1 of 5)",
        "Loading the text encoder (2 of 5)",
        "Loading the VAE (3 of 5)",
        "Loading the transformer (4 of 5)",
        "Loading the adapters (5 of 5)",
    ]
    assert model.adapters == frozenset(Adapter)
    assert model.name == "qwen-image-edit"
    assert (model.device.type, model.dtype) == ("cpu", torch.float32) or torch.cuda.is_available()


def test_the_stand_in_is_the_same_each_time_it_is_made(models: Path, tmp_path: Path) -> None:
    again = standin.build(tmp_path)
    files = [path.relative_to(models) for path in models.rglob("*.safetensors")]
    assert len(files) == 10
    assert all((models / file).read_bytes() == (again / file).read_bytes() for file in files)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing", tmp_path) == f"There is no model in {tmp_path / 'nothing'}. Pull it again."


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_folder_that_is_no_checkpoint_is_refused(checkpoint: Path, tmp_path: Path, text: str | None) -> None:
    index = checkpoint / "model_index.json"
    index.unlink() if text is None else index.write_text(text)
    said = refusal(checkpoint, tmp_path)
    assert said.endswith(REMEDY)
    assert str(checkpoint) in said


def test_a_checkpoint_of_another_pipeline_is_refused_by_its_name(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    assert refusal(checkpoint, tmp_path) == (
        f"{checkpoint} is a checkpoint of FluxPipeline; the qwen engine needs one of QwenImageEditPlusPipeline, such "
        "as Qwen/Qwen-Image-Edit-2509. Pull it again."
    )


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def _garble(file: Path) -> None:
    file.write_bytes(b"\xff" * file.stat().st_size)


def _pickle(file: Path) -> None:
    torch.save(load_file(file), file.with_suffix(".bin"))
    file.unlink()


WEIGHTS = {
    "text encoder": "text_encoder/model.safetensors",
    "vae": "vae/diffusion_pytorch_model-00001-of-00002.safetensors",
    "transformer": "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
}


@pytest.mark.parametrize("harm", [Path.unlink, _truncate, _garble, _pickle])
@pytest.mark.parametrize("part", WEIGHTS)
def test_weights_that_are_missing_damaged_or_pickles_are_refused(
    checkpoint: Path, tmp_path: Path, part: str, harm: Callable[[Path], None]
) -> None:
    harm(checkpoint / WEIGHTS[part])
    said = refusal(checkpoint, tmp_path)
    assert said.startswith(f"The {part} in {checkpoint} cannot be loaded: its files are missing or damaged")
    assert said.endswith(REMEDY)


@pytest.mark.parametrize("part", ["tokenizer", "processor", "scheduler"])
def test_a_missing_part_is_refused(checkpoint: Path, tmp_path: Path, part: str) -> None:
    shutil.rmtree(checkpoint / part)
    assert refusal(checkpoint, tmp_path).startswith(f"The {part} in {checkpoint} ")


@pytest.mark.parametrize(
    ("part", "said"),
    [("text encoder", "lacks 1 tensors, such as lm_head.weight. Pull it again."), ("transformer", "cannot be loaded")],
)
def test_a_checkpoint_that_lacks_tensors_is_refused(checkpoint: Path, tmp_path: Path, part: str, said: str) -> None:
    """The library would take random numbers in their place and say so in a log only."""
    file = checkpoint / WEIGHTS[part]
    weights = load_file(file)
    gone = min(weights)
    del weights[gone]
    save_file(weights, file, metadata={"format": "pt"})
    index = file.parent / "diffusion_pytorch_model.safetensors.index.json"
    if index.exists():
        content = json.loads(index.read_text())
        del content["weight_map"][gone]
        index.write_text(json.dumps(content))
    assert refusal(checkpoint, tmp_path).startswith(f"The {part} in {checkpoint} {said}")


def test_an_adapter_of_another_model_is_refused(models: Path, tmp_path: Path) -> None:
    save_file(
        {
            "transformer.transformer_blocks.0.attn.to_q.lora_A.weight": torch.zeros(2, 8),
            "transformer.transformer_blocks.0.attn.to_q.lora_B.weight": torch.zeros(8, 2),
        },
        tmp_path / "removal.safetensors",
    )
    said = refusal(models / "qwen-image-edit", tmp_path)
    assert said.startswith(f"The adapter {tmp_path / 'removal.safetensors'} cannot be loaded (")
    assert said.endswith("put the right file there, or take it away.")


@pytest.mark.parametrize("content", [b"", b"\xff" * 100])
def test_a_damaged_adapter_is_refused(models: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lightning-4.safetensors").write_bytes(content)
    assert refusal(models / "qwen-image-edit", tmp_path).startswith("The adapter ")


def test_an_unknown_attention_backend_is_refused(models: Path, tmp_path: Path) -> None:
    said = refusal(models / "qwen-image-edit", tmp_path, Switches(attention="magic"))
    assert said.startswith("The attention backend magic cannot be used here: ")
    assert "DARKROOM_QWEN_ATTENTION" in said


def test_adapters_are_found_by_their_file_names(models: Path, tmp_path: Path) -> None:
    shutil.copy(models / "adapters" / "removal.safetensors", tmp_path)
    (tmp_path / "another.safetensors").touch()
    assert lora.find(tmp_path) == {Adapter.REMOVAL: tmp_path / "removal.safetensors"}
    assert lora.find(tmp_path / "nothing") == {}


def edit(operation: Operation, **fields: object) -> Edit:
    return Edit.model_validate(
        {"operation": operation, "photo": ID, "mask": ID, "reference": ID, "prompt": "a cat", **fields}
    )


ALL = frozenset(Adapter)
FOUR, EIGHT = Adapter.LIGHTNING_4, Adapter.LIGHTNING_8


@pytest.mark.parametrize(
    ("asked", "present", "chosen"),
    [
        (edit(Operation.REMOVAL), ALL, Chosen(Adapter.REMOVAL, None)),
        (edit(Operation.INSERTION), ALL, Chosen(Adapter.INSERTION, None)),
        (edit(Operation.WHITE_BALANCE), ALL, Chosen(Adapter.WHITE_BALANCE, None)),
        (edit(Operation.TEXT_TO_IMAGE), ALL, Chosen(None, None)),
        (edit(Operation.REMOVAL), ALL - {Adapter.REMOVAL}, Chosen(None, None)),
        (edit(Operation.REMOVAL, preset="fast"), ALL, Chosen(Adapter.REMOVAL, FOUR)),
        (edit(Operation.TEXT_TO_IMAGE, preset="fast", num_inference_steps=8), ALL, Chosen(None, EIGHT)),
        (edit(Operation.TEXT_TO_IMAGE, preset="fast"), frozenset({EIGHT}), Chosen(None, EIGHT)),
        (edit(Operation.TEXT_TO_IMAGE, preset="fast", num_inference_steps=8), frozenset({FOUR}), Chosen(None, FOUR)),
        (edit(Operation.REMOVAL, num_inference_steps=4), ALL, Chosen(Adapter.REMOVAL, None)),
    ],
)
def test_adapters_follow_the_operation_and_the_preset(asked: Edit, present: frozenset[Adapter], chosen: Chosen) -> None:
    assert lora.choose(asked, present) == chosen


def test_the_fast_preset_without_its_adapter_names_the_file_and_the_command() -> None:
    with pytest.raises(InputError, match=r"needs lightning-4\.safetensors .*`darkroom models pull lightning-4`") as e:
        lora.choose(edit(Operation.REMOVAL, preset="fast"), frozenset({Adapter.REMOVAL}))
    assert e.value.code is ErrorCode.ENGINE_UNSUPPORTED
