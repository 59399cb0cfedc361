"""Settings that clients, gateway and workers share. Read once per process; adapters get values, not settings."""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from tasks.addresses import ServerUrl
from tasks.engines import EngineName, SegmenterName

EMBEDDED_BROKER_PORT = 6399
"""`make up` listens here, away from 6379, where a machine's own Redis would be."""
EMBEDDED_CACHE_PORT = 6398


class Settings(BaseSettings):
    """Environment variables: ``DARKROOM_`` and the name in upper case, but for the ones that name theirs."""

    model_config = SettingsConfigDict(
        env_prefix="DARKROOM_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # addresses hold passwords
    )

    redis_url: Annotated[ServerUrl, Field(validation_alias="REDIS_URL", repr=False)] = (
        f"redis://127.0.0.1:{EMBEDDED_BROKER_PORT}/0"
    )
    """Broker, ledger and events: one server, so that a job and its message are written in one transaction."""
    image_cache_url: Annotated[ServerUrl | None, Field(validation_alias="IMAGE_CACHE_URL", repr=False)] = None
    """Hot image tier: a second server, so that pixels never fill the broker. Unset: asked of the ledger."""
    image_store_url: Annotated[str | None, Field(validation_alias="IMAGE_STORE_URL")] = None
    """Durable image tier, ``file:///…`` or ``s3://bucket/prefix``. Unset: asked of the ledger."""

    generation_engine: Annotated[EngineName, Field(validation_alias="GENERATION_ENGINE")] = EngineName.OPENCV
    segmentation_engine: Annotated[SegmenterName, Field(validation_alias="SEGMENTATION_ENGINE")] = SegmenterName.OPENCV

    models_folder: Path = Path(".darkroom/models")
    """Where `darkroom models pull` puts weights and workers look for them."""
    segmentation_weights: Annotated[Path | None, Field(validation_alias="SEGMENTATION_WEIGHTS")] = None
    """A FastSAM checkpoint of your own, trusted as it is a pickle; unset: what `darkroom models pull` fetched."""
    segmentation_size: Annotated[int, Field(ge=32, le=4096, multiple_of=32)] | None = None
    """Longer side in pixels that the segmentation model sees; unset: the profile's."""

    model_path: Annotated[str | None, Field(validation_alias="MODEL_PATH")] = None
    """A Qwen-Image-Edit checkpoint, as a folder or a hub id; unset: ``qwen-image-edit`` in the models folder."""
    adapters_folder: Path | None = None
    """LoRA adapters: removal, insertion, white-balance, lightning-4 and lightning-8, each ``.safetensors``; unset:
    ``adapters`` in the models folder. An operation without one runs on the base weights."""
    qwen_working_pixels: Annotated[int, Field(ge=32 * 32)] = 1024 * 1024
    """Area of an edit with input_quality `resized`: what the model was trained on."""
    qwen_reference_pixels: Annotated[int, Field(ge=32 * 32)] = 1024 * 1024
    """Area at which conditions are encoded, diffusers' own value; their tokens take part in every step."""
    qwen_cache_bytes: Annotated[int, Field(ge=0)] = 2 * 2**30
    """Bound of the prompt embeddings and condition latents that are kept, on the GPU, for another edit of a photo."""
    qwen_compile: bool = False
    """Compile the transformer's blocks (docs/performance.md)."""
    qwen_attention: str | None = None
    """Attention backend of diffusers, such as ``_flash_3`` or ``sage``; unset: PyTorch's."""
    qwen_first_block_cache: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Threshold of the first-block cache: a step whose first block changes less reuses the other blocks' output."""
    qwen_parallel_loading: bool = False
    """Read the shards of a checkpoint in several threads."""

    lease_seconds: Annotated[float, Field(gt=0)] = 20.0
    """A job whose worker has not renewed for so long is redone. Four missed renewals (every quarter): a stop of the
    world shorter than 15 s costs nothing, a killed worker delays its job by at most this plus one sweep."""
    sweep_seconds: Annotated[float, Field(gt=0)] = 3.0
    """How often the sweeper looks for lost work: one indexed read when nothing is lost."""
    grace_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long a message may be nowhere (popped, not yet claimed) before it counts as lost; pop to claim takes
    milliseconds, a stalled worker a few seconds. Also covers clock skew between the machines that enqueue."""
    held_look_seconds: Annotated[float, Field(gt=0)] = 600.0
    """A job that waits for its owner's turn sets out when another one leaves; this often the sweeper makes sure."""
    jobs_ahead: Annotated[int, Field(ge=1)] = 8
    """Jobs of one owner and priority that are prepared or wait for the pool at once; his others are held back, so that
    another owner's job waits for so many at most. Fewer are fairer; but all machines of a pool have to be fed by one
    owner alone: ten that take 4 s for a job take 2.5 jobs in the second that a preparation lasts."""
    max_attempts: Annotated[int, Field(ge=1)] = 3
    """A job that ended its worker this often is poison: it fails and goes to the dead letters."""
    job_time_limit_seconds: Annotated[float, Field(gt=0)] = 300.0
    """A generation that takes longer is stuck: 40 steps with CFG on an A100 take about 60 s."""
    job_retention_seconds: Annotated[int, Field(gt=0)] = 24 * 3600
    """How long a finished job's record and events stay."""
    idempotency_seconds: Annotated[int, Field(gt=0)] = 24 * 3600
    """How long an Idempotency-Key is remembered: as long as the record of the job that it names."""
    events_kept: Annotated[int, Field(ge=10)] = 200
    """Events of a job's stream; 40 steps give about 50."""
    dead_letters_kept: Annotated[int, Field(ge=1)] = 1000
    """Jobs that ended their workers, for somebody to look at; the oldest go first."""
    reply_seconds: Annotated[int, Field(gt=0)] = 300
    """How long the reply of a utility stays: its waiter is on the line."""
    image_hot_seconds: Annotated[int, Field(gt=0)] = 3600
    """An image leaves the hot tier so long after its last use (or earlier by LRU)."""
    image_retention_seconds: Annotated[int, Field(gt=0)] = 7 * 24 * 3600
    """An image leaves the durable tier so long after it was last put; longer than any job's record."""
    max_image_pixels: Annotated[int, Field(gt=0)] = 40_000_000
    """40 MP decode to 120 MB; phones' default photos have 12 to 24."""


@cache
def settings() -> Settings:
    """Return this process's settings, read from the environment at the first call."""
    return Settings()
