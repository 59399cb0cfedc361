"""One edit on a loaded model: prompts, sizes, conditions, steps with progress and previews, the picture put back."""

import gc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Final, TypeVar

import structlog
import torch

from tasks.engines import RGB, Edited, EngineLost, EngineName, Inputs, Report
from tasks.engines.qwen import adapters as lora, pipelines
from tasks.engines.qwen.adapters import Chosen
from tasks.engines.qwen.caching import TensorCache
from tasks.engines.qwen.loading import Model
from tasks.engines.qwen.pictures import Condition, conditions, put_back, require_images
from tasks.engines.qwen.pipelines import WatchedScheduler
from tasks.engines.qwen.plan import Plan, Size, cheaper, schedule, working_size
from tasks.engines.qwen.prompts import Prompts, compose
from tasks.errors import ErrorCode, ProcessingError
from tasks.imaging import codec
from tasks.imaging.probe import Format
from tasks.jobs import Edit

PREVIEW_QUALITY: Final = 70
"""Of the WebP: a preview is looked at for a second."""
T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Areas are pixels."""

    working_pixels: int = 1024 * 1024
    """Of what is generated where the client leaves it open."""
    reference_pixels: int = 1024 * 1024
    """Of each condition, as the transformer sees it."""
    cache_bytes: int = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Work:
    """One edit with everything decided."""

    edit: Edit
    prompts: Prompts
    size: Size
    adapters: Chosen
    schedule: dict[str, Any]
    conditions: tuple[Condition, ...]
    notes: tuple[str, ...]

    @property
    def guided(self) -> bool:
        """Whether each step is computed twice, with and against the prompt."""
        return self.edit.true_cfg_scale > 1


class _Progress:
    """Reports every step before it runs; a report may raise to stop the work."""

    def __init__(self, report: Report, steps: int) -> None:
        self._report = report
        self._steps = steps

    def preparing(self) -> None:
        self._report(1, self._steps, "Reading the prompt and the pictures")

    def step(self, step: int, preview: bytes | None = None) -> None:
        self._report(step, self._steps, f"Step {step} of {self._steps}", preview=preview)

    def developing(self) -> None:
        self._report(self._steps, self._steps, "Developing the picture")


class QwenEngine:
    """Satisfies ``GenerationEngine`` with Qwen-Image-Edit. Belongs to one thread at a time."""

    name = EngineName.QWEN

    def __init__(self, model: Model, limits: Limits) -> None:
        """Serve a loaded model."""
        self._model = model
        self._limits = limits
        self._cache = TensorCache(limits.cache_bytes)

    @property
    def device(self) -> str:
        """What it computes on: cpu or cuda."""
        return str(self._model.device.type)

    def versions(self) -> dict[str, str]:
        """Library and model versions, for the reproducibility record of each result."""
        libraries = {name: version(name) for name in ("diffusers", "peft", "torch", "transformers")}
        return {**libraries, "model": self._model.name}

    def edit(self, inputs: Inputs, report: Report) -> Edited:
        """Return the edited photo at the photo's size, or the generated picture.

        Outside the mask the photo's pixels are kept exactly; white balance changes the whole photo. The same seed
        gives the same picture on the same machine. Raises ``InputError`` (engine_unsupported, parameter_invalid,
        image_missing, mask_missing), ``ProcessingError`` (out_of_memory, engine_failed), ``EngineLost``, and whatever
        ``report`` raises, at the next step.
        """
        work = self._decide(inputs)
        before = self._cache.uses
        progress = _Progress(report, work.edit.num_inference_steps)
        try:
            with torch.no_grad():
                plan, latents = self._within_memory(
                    Plan(self._limits.reference_pixels), lambda plan: self._denoise(work, plan, progress)
                )
                progress.developing()
                plan, picture = self._within_memory(plan, lambda plan: self._develop(latents, work.size, plan))
        except torch.AcceleratorError as error:
            raise EngineLost(str(error).partition("\n")[0]) from error
        except RuntimeError as error:
            log.exception("qwen.failed")
            raise ProcessingError(
                ErrorCode.ENGINE_FAILED, "The model failed on this edit; the log of the worker has the cause."
            ) from error
        return Edited(
            put_back(inputs, picture), work.notes, self._details(work, plan, asdict(self._cache.uses.since(before)))
        )

    def _decide(self, inputs: Inputs) -> Work:
        edit = inputs.edit
        photo = None if inputs.photo is None else Size(inputs.photo.shape[1], inputs.photo.shape[0])
        require_images(inputs)
        chosen = lora.choose(edit, self._model.adapters)
        size, size_notes = working_size(edit, photo, self._limits.working_pixels)
        prompts = compose(edit, self._model.tokens_of)
        given, given_notes = conditions(inputs)
        return Work(
            edit=edit,
            prompts=prompts,
            size=size,
            adapters=chosen,
            schedule=schedule(edit, dict(self._model.components.scheduler.config)),
            conditions=given,
            notes=(*_parameter_notes(edit), *prompts.notes, *size_notes, *given_notes),
        )

    def _denoise(self, work: Work, plan: Plan, progress: _Progress) -> torch.Tensor:
        """Return latents, 1 × channels × 1 × height × width."""
        parts = self._model.components
        scheduler = WatchedScheduler.from_config(work.schedule)
        # A job that was stopped leaves the state of its last step in the caching hooks.
        parts.transformer._reset_stateful_cache()
        progress.preparing()
        make = pipelines.edit_pipeline if work.conditions else pipelines.text_pipeline
        pipe = make(parts, scheduler)
        lora.activate(pipe, work.adapters)
        arguments = self._arguments(work, pipe, plan)
        progress.step(1)

        def after_step(_pipe: Any, index: int, _timestep: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
            if index + 1 < work.edit.num_inference_steps:
                progress.step(index + 2, self._preview(work, scheduler, index + 1))
            return {}

        with pipelines.reference_area(plan.reference_pixels), pipelines.tiling(parts.vae, on=plan.tiled_vae):
            packed = pipe(**arguments, callback_on_step_end=after_step, callback_on_step_end_tensor_inputs=[]).images
        if not torch.isfinite(packed).all():
            raise ProcessingError(
                ErrorCode.ENGINE_FAILED,
                "The model's numbers ran out of their range; try other parameters (a lower true_cfg_scale).",
            )
        return pipelines.unpacked(parts, packed, work.size)

    def _arguments(self, work: Work, pipe: Any, plan: Plan) -> dict[str, Any]:
        edit = work.edit
        arguments = {
            **self._embeddings(work, pipe, "prompt_embeds", work.prompts.positive),
            "width": work.size.width,
            "height": work.size.height,
            "num_inference_steps": edit.num_inference_steps,
            "true_cfg_scale": edit.true_cfg_scale,
            # On the CPU, so that a seed gives the same noise on every GPU.
            "generator": torch.Generator("cpu").manual_seed(edit.seed or 0),
            "output_type": "latent",
        }
        if work.guided:
            arguments |= self._embeddings(work, pipe, "negative_prompt_embeds", work.prompts.negative)
        if work.conditions:
            pipe.encode_condition = self._condition_latents(work, plan)
            arguments["image"] = [condition.picture for condition in work.conditions]
        return arguments

    def _embeddings(self, work: Work, pipe: Any, argument: str, text: str) -> dict[str, torch.Tensor]:
        """Return a prompt as the two arguments of a pipeline; what it means depends on the conditions as well."""

        def encode() -> torch.Tensor:
            if not work.conditions:
                return _first(pipe.encode_prompt(text, max_sequence_length=pipe.tokenizer_max_length))
            seen = pipelines.seen_by_text_encoder(pipe, [condition.picture for condition in work.conditions])
            return _first(pipe.encode_prompt(text, image=seen))

        embeddings = self._cache.get(("prompt", text, *(condition.id for condition in work.conditions)), encode)
        return {argument: embeddings, f"{argument}_mask": embeddings.new_ones(embeddings.shape[:2], dtype=torch.long)}

    def _condition_latents(self, work: Work, plan: Plan) -> pipelines.Encode:
        """Return what gives the pipeline the latents of its conditions; it asks for them one after the other."""
        ids = iter([condition.id for condition in work.conditions])

        def latents(pixels: torch.Tensor, encode: Callable[[], torch.Tensor]) -> torch.Tensor:
            return self._cache.get(("latents", next(ids), tuple(pixels.shape), plan.tiled_vae), encode)

        return latents

    def _preview(self, work: Work, scheduler: WatchedScheduler, steps_done: int) -> bytes | None:
        if not work.edit.preview_every or steps_done % work.edit.preview_every:
            return None
        parts = self._model.components
        latents = pipelines.thinned(pipelines.unpacked(parts, scheduler.estimate(), work.size))
        return codec.encode(pipelines.decode(parts, latents), Format.WEBP, quality=PREVIEW_QUALITY)

    def _develop(self, latents: torch.Tensor, size: Size, plan: Plan) -> RGB:
        with pipelines.tiling(self._model.components.vae, on=plan.tiled_vae):
            return pipelines.decode(self._model.components, latents)

    def _within_memory(self, plan: Plan, attempt: Callable[[Plan], T]) -> tuple[Plan, T]:
        """Return what an attempt makes and its plan; after it ran out of memory, once more with a cheaper plan.

        Raises ``ProcessingError`` (out_of_memory) when there is none.
        """
        while True:
            try:
                return plan, attempt(plan)
            except (torch.OutOfMemoryError, MemoryError) as error:
                log.warning("qwen.out_of_memory", plan=asdict(plan), error=str(error))
            # Only now: the exception's traceback held on to the tensors of the attempt.
            self._free()
            next_plan = cheaper(plan)
            if next_plan is None:
                raise ProcessingError(
                    ErrorCode.OUT_OF_MEMORY,
                    "The edit needs more memory than the GPU has, even with smaller conditions: use input_quality "
                    "resized, or a smaller width and height.",
                )
            plan = next_plan

    def _free(self) -> None:
        self._model.components.transformer._reset_stateful_cache()
        self._cache.clear()
        gc.collect()
        torch.cuda.empty_cache()

    def _details(self, work: Work, plan: Plan, cache: dict[str, int]) -> dict[str, Any]:
        keys = ("use_dynamic_shifting", "shift", "base_shift", "max_shift", "shift_terminal")
        return {
            "adapter": work.adapters.operation,
            "lightning": work.adapters.lightning,
            "scheduler": {key: work.schedule.get(key) for key in keys},
            "prompt": work.prompts.positive,
            "negative_prompt": work.prompts.negative if work.guided else None,
            "working_size": list(work.size),
            "plan": asdict(plan),
            "cache": cache,
            "device": self._model.device.type,
            "dtype": str(self._model.dtype).removeprefix("torch."),
        }


def _parameter_notes(edit: Edit) -> tuple[str, ...]:
    notes = []
    if edit.guidance_scale is not None:
        notes.append(
            f"guidance_scale has no effect on this model; true_cfg_scale {edit.true_cfg_scale:g} was used, which "
            "stands for it where it is not given."
        )
    if edit.negative_prompt.strip() and edit.true_cfg_scale <= 1:
        notes.append("The negative prompt had no effect: guidance is off at a true_cfg_scale of 1 or less.")
    return tuple(notes)


def _first(encoded: tuple[torch.Tensor, Any]) -> torch.Tensor:
    return encoded[0]
