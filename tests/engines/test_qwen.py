"""The engine on a stand-in checkpoint: the real classes, on the CPU, at 64² pixels."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import QwenImageEditPlusPipeline, QwenImagePipeline
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as stock
from numpy.typing import NDArray
from PIL import Image

from tasks.engines import Edited, EngineLost, EngineName, EngineUnusable, Inputs, load_generation_engine
from tasks.engines.qwen import pictures, pipelines
from tasks.engines.qwen.adapters import Adapter
from tasks.engines.qwen.engine import Limits, QwenEngine
from tasks.engines.qwen.loading import Model, Source, Switches, load
from tasks.errors import ErrorCode, InputError, JobTaken, ProcessingError
from tasks.imaging import extract, mae, masks
from tasks.imaging.canny import canny
from tasks.imaging.probe import Format, probe
from tasks.jobs import Edit, Operation
from tasks.settings import settings
from tests.imaging.pictures import disc, gradient, noise
from tests.standins import qwen as standin

ID = "0" * 64
AREA = 64 * 64
STEPS = 4
WIDTH, HEIGHT = 101, 75

Array = NDArray[np.uint8]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors are tiny: threads that wait for each other on busy cores took ten times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return standin.build(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(models: Path) -> Model:
    return loaded(models)


def loaded(models: Path, switches: Switches | None = None) -> Model:
    source = Source(str(models / "qwen-image-edit"), models / "adapters", "")
    return load(source, switches or Switches(), lambda _: None)


def engine_of(model: Model, cache_bytes: int = 2**24) -> QwenEngine:
    return QwenEngine(model, Limits(working_pixels=AREA, reference_pixels=AREA, cache_bytes=cache_bytes))


@pytest.fixture
def engine(model: Model) -> QwenEngine:
    """An engine with empty caches."""
    return engine_of(model)


def work(operation: Operation = Operation.REMOVAL, picture: Array | None = None, **fields: Any) -> Inputs:
    """An edit as a worker gets it, with its conditions."""
    edit = Edit.model_validate(
        {
            "operation": operation,
            "photo": ID,
            "mask": ID,
            "reference": ID,
            "prompt": "a cat",
            "seed": 7,
            "num_inference_steps": STEPS,
            **fields,
        }
    )
    if operation is Operation.TEXT_TO_IMAGE:
        return Inputs(edit, None, None, ())
    photo = gradient(HEIGHT, WIDTH) if picture is None else picture
    mask = disc(*photo.shape[:2], radius=min(photo.shape[:2]) / 3)
    background = extract.masked_background(photo, mask)
    if operation is Operation.WHITE_BALANCE:
        return Inputs(edit, photo, None, (photo, canny(photo)))
    if operation is Operation.INSERTION:
        return Inputs(edit, photo, mask, (extract.extract(noise(40, 50), disc(40, 50, 15)), mask, background))
    return Inputs(edit, photo, mask, (background, mask, mae.mae(photo, mask)))


@dataclass
class Reports:
    """What an edit told; stops it at a step if it is asked to."""

    stop_at: int | None = None
    steps: list[int] = field(default_factory=list)
    totals: set[int] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    previews: dict[int, bytes] = field(default_factory=dict)

    def __call__(self, step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None:
        self.steps.append(step)
        self.totals.add(total_steps)
        self.messages.append(message)
        if preview is not None:
            self.previews[step] = preview
        if step == self.stop_at:
            raise JobTaken


def edited(engine: QwenEngine, inputs: Inputs) -> Edited:
    return engine.edit(inputs, Reports())


def picture(engine: QwenEngine, inputs: Inputs) -> Array:
    return edited(engine, inputs).picture


@contextmanager
def forwards(model: Model) -> Iterator[list[None]]:
    """The transformer's passes, counted."""
    passes: list[None] = []
    handle = model.components.transformer.register_forward_pre_hook(lambda *_: passes.append(None))
    try:
        yield passes
    finally:
        handle.remove()


def test_an_edit_is_what_the_stock_pipeline_makes(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit, with guidance: caching, previews, the own decoding step and the own scheduler change no number."""
    monkeypatch.setattr(pictures, "put_back", lambda _inputs, made: made)
    monkeypatch.setattr("tasks.engines.qwen.engine.put_back", lambda _inputs, made: made)
    inputs = work(preview_every=1, negative_prompt="a dog")
    ours = edited(engine_of(model), inputs)
    parts = model.components
    pipe = QwenImageEditPlusPipeline(
        parts.scheduler, parts.vae, parts.text_encoder, parts.tokenizer, parts.processor, parts.transformer
    )
    pipe.set_progress_bar_config(disable=True)
    monkeypatch.setattr(stock, "VAE_IMAGE_SIZE", AREA)
    pipe.set_adapters([Adapter.REMOVAL.value])
    width, height = ours.details["working_size"]
    theirs = pipe(
        [Image.fromarray(each).convert("RGB") for each in inputs.conditions],
        "a cat",
        negative_prompt="a dog",
        true_cfg_scale=4.0,
        width=width,
        height=height,
        num_inference_steps=STEPS,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert np.array_equal(ours.picture, np.asarray(theirs))


def test_text_to_image_is_what_the_stock_pipeline_makes(model: Model) -> None:
    ours = picture(engine_of(model), work(Operation.TEXT_TO_IMAGE, width=80, height=64))
    parts = model.components
    pipe = QwenImagePipeline(parts.scheduler, parts.vae, parts.text_encoder, parts.tokenizer, parts.transformer)
    pipe.set_progress_bar_config(disable=True)
    pipe.disable_lora()
    theirs = pipe(
        "a cat",
        negative_prompt=" ",
        true_cfg_scale=4.0,
        width=80,
        height=64,
        num_inference_steps=STEPS,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert ours.shape == (64, 80, 3)
    assert np.array_equal(ours, np.asarray(theirs))


@pytest.mark.parametrize("operation", Operation)
def test_the_same_seed_gives_the_same_picture(model: Model, operation: Operation) -> None:
    """Bit for bit, from engines that share no cache; another seed gives another picture."""
    first = picture(engine_of(model), work(operation))
    assert np.array_equal(first, picture(engine_of(model), work(operation)))
    assert not np.array_equal(first, picture(engine_of(model), work(operation, seed=8)))


def test_adapters_change_the_picture_and_switching_back_restores_it(model: Model, engine: QwenEngine) -> None:
    """Each operation's adapter acts on its jobs alone, whatever ran before."""
    bare = engine_of(replace(model, adapters=frozenset()))
    without = picture(bare, work(preset="quality"))
    first = edited(engine, work())
    assert not np.array_equal(first.picture, without)
    edited(engine, work(Operation.INSERTION))
    edited(engine, work(preset="fast"))
    assert np.array_equal(picture(engine, work()), first.picture)
    assert np.array_equal(picture(bare, work(preset="quality")), without)
    assert first.details["adapter"] == "removal"
    assert edited(bare, work()).details["adapter"] is None


def test_the_fast_preset_runs_its_adapter_and_schedule_without_guidance(model: Model, engine: QwenEngine) -> None:
    with forwards(model) as passes:
        fast = edited(engine, work(preset="fast", num_inference_steps=None))
    assert len(passes) == 4
    assert (fast.details["adapter"], fast.details["lightning"]) == ("removal", "lightning-4")
    assert fast.details["scheduler"]["shift_terminal"] is None
    assert edited(engine, work(preset="fast", num_inference_steps=8)).details["lightning"] == "lightning-8"
    plain = picture(engine, work(true_cfg_scale=1.0))
    assert not np.array_equal(fast.picture, plain)


def test_the_fast_preset_without_its_adapter_is_refused(model: Model) -> None:
    with pytest.raises(InputError, match="lightning-4"):
        edited(engine_of(replace(model, adapters=frozenset({Adapter.REMOVAL}))), work(preset="fast"))


def test_guidance_takes_a_second_pass_also_with_an_empty_negative_prompt(model: Model, engine: QwenEngine) -> None:
    with forwards(model) as passes:
        edited(engine, work(true_cfg_scale=2.0))
    assert len(passes) == 2 * STEPS
    with forwards(model) as passes:
        edited(engine, work(true_cfg_scale=1.0))
    assert len(passes) == STEPS


def test_a_scheduler_shift_changes_that_job_only(engine: QwenEngine) -> None:
    first = picture(engine, work())
    shifted = edited(engine, work(scheduler_shift=6.0))
    assert not np.array_equal(first, shifted.picture)
    assert shifted.details["scheduler"]["shift"] == 6.0
    assert np.array_equal(picture(engine, work()), first)


def test_every_step_is_reported_in_order_before_it_runs(model: Model, engine: QwenEngine) -> None:
    seen: list[tuple[int, int]] = []
    with forwards(model) as passes:

        def report(step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None:
            if message.startswith("Step"):
                seen.append((step, len(passes)))

        engine.edit(work(true_cfg_scale=1.0), report)
    assert seen == [(step, step - 1) for step in range(1, STEPS + 1)]


def test_reports_end_at_the_total(engine: QwenEngine) -> None:
    reports = Reports()
    engine.edit(work(), reports)
    assert reports.steps == sorted(reports.steps)
    assert (reports.steps[-1], reports.totals) == (STEPS, {STEPS})
    assert reports.messages[0] == "Reading the prompt and the pictures"
    assert reports.messages[-1] == "Developing the picture"


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_cancel_at_a_step_stops_before_that_step_runs(model: Model, engine: QwenEngine, step: int) -> None:
    """So a cancel during step k runs no step k + 2; nothing is decoded either."""
    with forwards(model) as passes, pytest.raises(JobTaken):
        engine.edit(work(true_cfg_scale=1.0), Reports(stop_at=step))
    assert len(passes) == step - 1


@pytest.mark.parametrize("step", [2, 4])
def test_a_job_after_a_cancelled_one_equals_a_fresh_one(models: Path, step: int) -> None:
    """Also with the first-block cache, whose state of an unfinished job would go into the next picture."""
    switches = Switches(first_block_cache=0.9)
    fresh = picture(engine_of(loaded(models, switches)), work())
    engine = engine_of(loaded(models, switches))
    with pytest.raises(JobTaken):
        engine.edit(work(Operation.WHITE_BALANCE, seed=1), Reports(stop_at=step))
    assert np.array_equal(picture(engine, work()), fresh)


def test_the_first_block_cache_saves_blocks(models: Path) -> None:
    """At a threshold that every step meets, later steps run fewer blocks than without it."""

    def last_blocks(switches: Switches) -> int:
        model = loaded(models, switches)
        runs: list[None] = []
        model.components.transformer.transformer_blocks[-1].attn.register_forward_pre_hook(lambda *_: runs.append(None))
        edited(engine_of(model), work(num_inference_steps=6, true_cfg_scale=1.0))
        return len(runs)

    assert last_blocks(Switches(first_block_cache=0.9)) < last_blocks(Switches()) == 6


@pytest.mark.parametrize("operation", [Operation.REMOVAL, Operation.INSERTION])
@pytest.mark.parametrize("shape", [(75, 101), (64, 64), (31, 97), (130, 40)])
def test_outside_the_mask_the_photo_is_kept_exactly(
    engine: QwenEngine, operation: Operation, shape: tuple[int, int]
) -> None:
    """At odd sizes too, whose result is scaled back to the photo's."""
    inputs = work(operation, noise(*shape))
    result = picture(engine, inputs)
    assert inputs.photo is not None
    assert inputs.mask is not None
    assert result.shape == inputs.photo.shape
    assert np.array_equal(result[inputs.mask == 0], inputs.photo[inputs.mask == 0])
    assert (result != inputs.photo)[inputs.mask > 0].mean() > 0.9


def test_the_seam_is_soft_inside_the_mask_and_narrow_in_a_thin_one() -> None:
    """In a thin stroke the old pixels would otherwise show through along all of it."""
    photo, made = np.zeros((1000, 1200, 3), np.uint8), np.full((500, 600, 3), 255, np.uint8)
    wide, thin = np.zeros((2, 1000, 1200), np.uint8)
    wide[300:700, 300:700] = 255
    thin[300:304, 300:700] = 255
    inputs = work()
    row = pictures.put_back(replace(inputs, photo=photo, mask=wide), made)[500, 295:320, 0].astype(int)
    assert row[:5].tolist() == [0] * 5
    assert (np.diff(row[4:12]) >= 0).all()
    assert 0 < row[5] < 128 < row[9]
    assert row[12:].min() == 255
    column = pictures.put_back(replace(inputs, photo=photo, mask=thin), made)[300:304, 500, 0]
    assert column.min() > 128


def test_white_balance_changes_the_whole_photo(engine: QwenEngine) -> None:
    inputs = work(Operation.WHITE_BALANCE, noise(50, 70))
    result = picture(engine, inputs)
    assert result.shape == (50, 70, 3)
    assert (result != inputs.photo).mean() > 0.9


def test_the_original_quality_works_at_the_photos_size(engine: QwenEngine) -> None:
    inputs = work(picture=noise(83, 130), input_quality="original")
    result = edited(engine, inputs)
    assert result.details["working_size"] == [128, 80]
    assert result.picture.shape == (83, 130, 3)


def test_text_to_image_has_the_size_asked_for(engine: QwenEngine) -> None:
    assert picture(engine, work(Operation.TEXT_TO_IMAGE, width=96, height=64)).shape == (64, 96, 3)
    assert picture(engine, work(Operation.TEXT_TO_IMAGE)).shape == (64, 64, 3)


def test_an_insertion_gets_the_object_placed_in_the_masked_background() -> None:
    """The hint is the third condition, where the adapter was trained on the masked background; colours are kept."""
    inputs = work(Operation.INSERTION)
    orange = extract.extract(np.full((40, 50, 3), (200, 120, 40), np.uint8), disc(40, 50, 15))
    given, notes = pictures.conditions(replace(inputs, conditions=(orange, *inputs.conditions[1:])))
    reference, mask, hint = (np.asarray(condition.picture) for condition in given)
    assert notes == ()
    assert np.array_equal(reference, orange)
    assert np.array_equal(mask[..., 0], inputs.conditions[1])
    inside = inputs.conditions[1] > 0
    assert np.array_equal(hint[~inside], inputs.conditions[2][~inside])
    assert (hint[inside] == (200, 120, 40)).all(axis=1).mean() > 0.5


def test_an_object_that_is_all_white_is_inserted_without_a_hint(engine: QwenEngine) -> None:
    inputs = work(Operation.INSERTION)
    white = replace(inputs, conditions=(np.full((64, 64, 3), 255, np.uint8), *inputs.conditions[1:]))
    result = edited(engine, white)
    assert result.notes == (
        "The object could not be told from the white around it, so the model got no hint of its place.",
    )


def test_a_hit_gives_the_same_picture_bit_for_bit(engine: QwenEngine) -> None:
    """Two prompts and three conditions are made once; a new seed uses all of them, a new prompt the conditions."""
    first = edited(engine, work())
    again = edited(engine, work())
    assert first.details["cache"] == {"hits": 0, "misses": 5}
    assert again.details["cache"] == {"hits": 5, "misses": 0}
    assert np.array_equal(first.picture, again.picture)
    assert edited(engine, work(seed=8)).details["cache"] == {"hits": 5, "misses": 0}
    assert edited(engine, work(prompt="a dog")).details["cache"] == {"hits": 4, "misses": 1}


def test_no_cache_gives_the_same_picture(model: Model, engine: QwenEngine) -> None:
    none = engine_of(model, cache_bytes=0)
    edited(none, work())
    again = edited(none, work())
    assert again.details["cache"] == {"hits": 0, "misses": 5}
    assert np.array_equal(again.picture, picture(engine, work()))


def test_another_picture_of_the_same_size_is_never_served_from_the_cache(model: Model, engine: QwenEngine) -> None:
    """With content ids as workers give them, and without."""
    ids = tuple(digit * 64 for digit in "abc")
    for one, other in (
        (work(), work(picture=noise(HEIGHT, WIDTH))),
        (
            replace(work(), condition_ids=ids),
            replace(work(picture=noise(HEIGHT, WIDTH)), condition_ids=("d" * 64, ids[1], "e" * 64)),
        ),
    ):
        edited(engine, one)
        assert np.array_equal(picture(engine, other), picture(engine_of(model), other))


def test_previews_come_every_so_many_steps_and_change_nothing(engine: QwenEngine) -> None:
    silent, shown = Reports(), Reports()
    without = engine.edit(work(num_inference_steps=6), silent).picture
    with_previews = engine.edit(work(num_inference_steps=6, preview_every=2), shown).picture
    assert silent.previews == {}
    assert list(shown.previews) == [3, 5]
    assert all(probe(preview).format is Format.WEBP for preview in shown.previews.values())
    assert np.array_equal(without, with_previews)


def test_a_preview_of_a_large_picture_is_small(engine: QwenEngine) -> None:
    reports = Reports()
    engine.edit(work(Operation.TEXT_TO_IMAGE, width=512, height=384, num_inference_steps=2, preview_every=1), reports)
    info = probe(reports.previews[2])
    assert (info.width, info.height) == (256, 192)


def test_the_last_preview_heads_for_the_result(model: Model) -> None:
    """The estimate before the last step differs from the result only by what that step changes of it."""
    scheduler = pipelines.WatchedScheduler.from_config(model.components.scheduler.config, use_dynamic_shifting=False)
    scheduler.set_timesteps(3)
    target, noisy = torch.full((1, 4, 16), 0.25), torch.ones(1, 4, 16)
    for t in scheduler.timesteps:
        noisy = scheduler.step(torch.ones(1, 4, 16) - target, t, noisy, return_dict=False)[0]
        assert torch.allclose(scheduler.estimate(), target, atol=1e-6)


def test_there_is_no_estimate_before_the_first_step(model: Model) -> None:
    with pytest.raises(RuntimeError, match="no step was taken"):
        pipelines.WatchedScheduler.from_config(model.components.scheduler.config).estimate()


def failing(times: int, method: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """A method that raises the first so many times."""
    calls: list[None] = []

    def call(*arguments: Any, **options: Any) -> Any:
        calls.append(None)
        if len(calls) <= times:
            raise error
        return method(*arguments, **options)

    return call


OUT_OF_MEMORY = [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "host"])
def test_a_job_that_runs_out_of_memory_is_tried_once_more_with_a_cheaper_plan(
    model: Model, engine: QwenEngine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    transformer = model.components.transformer
    fresh = picture(engine_of(model), work())
    with monkeypatch.context() as patch:
        patch.setattr(transformer, "forward", failing(1, transformer.forward, error))
        result = edited(engine, work())
    assert result.details["plan"] == {"reference_pixels": AREA // 4, "tiled_vae": True}
    assert result.details["cache"]["hits"] == 0, "the caches were not freed before the second attempt"
    assert result.picture.shape == (HEIGHT, WIDTH, 3)
    assert not model.components.vae.use_tiling
    assert stock.VAE_IMAGE_SIZE == 1024 * 1024
    assert np.array_equal(picture(engine, work()), fresh)


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "host"])
def test_out_of_memory_again_is_a_classified_error_and_the_next_job_is_fine(
    model: Model, engine: QwenEngine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    transformer = model.components.transformer
    fresh = picture(engine_of(model), work())
    with monkeypatch.context() as patch:
        patch.setattr(transformer, "forward", failing(2, transformer.forward, error))
        with pytest.raises(ProcessingError, match="use input_quality resized") as caught:
            edited(engine, work())
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    assert np.array_equal(picture(engine, work()), fresh)


def test_running_out_of_memory_at_the_end_repeats_the_decoding_only(
    model: Model, engine: QwenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty steps are not thrown away for a picture that only has to be decoded in tiles."""
    vae = model.components.vae
    monkeypatch.setattr(vae, "decode", failing(1, vae.decode, OUT_OF_MEMORY[0]))
    with forwards(model) as passes:
        result = edited(engine, work(true_cfg_scale=1.0))
    assert len(passes) == STEPS
    assert result.details["plan"]["tiled_vae"]


def test_a_failure_inside_the_model_is_a_classified_error(
    model: Model, engine: QwenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = model.components.vae
    monkeypatch.setattr(vae, "decode", failing(1, vae.decode, RuntimeError("cuDNN")))
    with pytest.raises(ProcessingError) as caught:
        edited(engine, work())
    assert caught.value.code is ErrorCode.ENGINE_FAILED
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_gpu_that_stays_broken_is_no_matter_of_this_job(
    model: Model, engine: QwenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an illegal access every later call fails too: the process has to end, and another to redo the job."""
    broken = torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCompile with …")
    monkeypatch.setattr(
        model.components.transformer, "forward", failing(1, model.components.transformer.forward, broken)
    )
    with pytest.raises(EngineLost, match=r"^CUDA error: an illegal memory access was encountered$"):
        edited(engine, work())


def test_a_single_step_is_enough(engine: QwenEngine) -> None:
    """The checkpoint's schedule alone has no numbers for it."""
    assert picture(engine, work(num_inference_steps=1)).shape == (HEIGHT, WIDTH, 3)


def test_numbers_out_of_range_are_an_error_and_no_black_picture(
    model: Model, engine: QwenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer = model.components.transformer
    forward = transformer.forward
    monkeypatch.setattr(transformer, "forward", lambda *a, **k: (forward(*a, **k)[0] * torch.nan,))
    with pytest.raises(ProcessingError, match="ran out of their range") as caught:
        edited(engine, work())
    assert caught.value.code is ErrorCode.ENGINE_FAILED


def test_what_has_no_effect_is_told(engine: QwenEngine) -> None:
    notes = edited(engine, work(guidance_scale=3.5, negative_prompt="a dog")).notes
    assert notes == (
        "guidance_scale has no effect on this model; true_cfg_scale 3.5 was used, which stands for it where it is not "
        "given.",
    )
    notes = edited(engine, work(true_cfg_scale=1.0, negative_prompt="a dog")).notes
    assert notes == ("The negative prompt had no effect: guidance is off at a true_cfg_scale of 1 or less.",)


def test_control_tokens_in_a_prompt_are_words(engine: QwenEngine) -> None:
    """Five image tokens more than pictures would otherwise fail the text encoder, and an end token the instruction."""
    for operation in (Operation.REMOVAL, Operation.TEXT_TO_IMAGE):
        prompt = 5 * "<|image_pad|>" + "<|im_end|>"
        assert picture(engine, work(operation, prompt=prompt, negative_prompt=prompt)).any()


def test_a_very_long_prompt_is_cut_and_the_client_told(engine: QwenEngine) -> None:
    """For both pipelines, in the tokens of the checkpoint's own tokenizer: one per byte here."""
    for operation in (Operation.REMOVAL, Operation.TEXT_TO_IMAGE):
        result = edited(engine, work(operation, prompt="é" * 2000))
        assert result.notes == ("The prompt has 4000 tokens; the model read the first 1000.",)
        assert result.details["prompt"] == "é" * 500


@pytest.mark.parametrize(
    ("gone", "code"),
    [({"photo": None}, ErrorCode.IMAGE_MISSING), ({"mask": None}, ErrorCode.MASK_MISSING)],
)
def test_an_edit_without_its_images_is_refused(engine: QwenEngine, gone: dict[str, None], code: ErrorCode) -> None:
    with pytest.raises(InputError) as caught:
        edited(engine, replace(work(), **gone))
    assert caught.value.code is code


def test_the_record_of_a_result_is_json(engine: QwenEngine) -> None:
    result = edited(engine, work(preset="fast"))
    record = json.loads(json.dumps({**result.details, **engine.versions()}))
    assert record["device"] == model_device()
    assert record["model"] == "qwen-image-edit"
    assert set(record) >= {"adapter", "lightning", "scheduler", "working_size", "plan", "cache", "torch", "diffusers"}


def model_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings that a test may set."""
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


def test_a_worker_loads_what_its_settings_name(models: Path, configured: pytest.MonkeyPatch) -> None:
    configured.setenv("DARKROOM_MODELS_FOLDER", str(models))
    configured.setenv("DARKROOM_QWEN_WORKING_PIXELS", str(AREA))
    configured.setenv("DARKROOM_QWEN_REFERENCE_PIXELS", str(AREA))
    engine = load_generation_engine(EngineName.QWEN, lambda _: None)
    assert engine.name is EngineName.QWEN
    result = engine.edit(work(), Reports())
    assert result.details["adapter"] == "removal"
    assert result.details["plan"]["reference_pixels"] == AREA


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DARKROOM_MODELS_FOLDER", r"Run `darkroom models pull qwen-image-edit`, or set MODEL_PATH"),
        ("MODEL_PATH", r"Set MODEL_PATH to the right folder or hub id, or unset it"),
    ],
)
def test_a_missing_model_says_what_to_do(configured: pytest.MonkeyPatch, tmp_path: Path, name: str, said: str) -> None:
    configured.setenv(name, str(tmp_path / "nothing"))
    with pytest.raises(EngineUnusable, match=said):
        load_generation_engine(EngineName.QWEN, lambda _: None)


def test_masks_are_given_to_the_model_as_pictures() -> None:
    """White on black, three channels."""
    given, _ = pictures.conditions(work())
    assert [condition.picture.mode for condition in given] == ["RGB"] * 3
    assert masks.binarise(np.asarray(given[1].picture)[..., 0]).any()
