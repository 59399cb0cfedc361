"""Settings that clients, gateway and workers share. Read once per process; adapters get values, not settings."""

from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tasks.addresses import EMBEDDED_BROKER_PORT, ServerUrl
from tasks.engines import EngineName, SegmenterName
from worker_profiles import ProfileName, load


def _listed(value: Any) -> Any:
    """Take a list as the environment gives it: with commas, or empty."""
    return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_listed)]


def _paired(value: Any) -> Any:
    """Take pairs as the environment gives them: ``cpu=one,t4=two``, or empty."""
    if not isinstance(value, str):
        return value
    return dict(each.strip().partition("=")[::2] for each in value.split(",") if each.strip())


def _scalable(name: ProfileName) -> ProfileName:
    if not load(name).may_sleep:
        raise ValueError(f"{name} is always on")
    return name


Name = Annotated[str, Field(pattern=r"^[^\s=]{1,255}$")]
Scalable = Annotated[ProfileName, AfterValidator(_scalable)]
GroupNames = Annotated[Mapping[Scalable, Name], NoDecode, BeforeValidator(_paired)]
SlotCounts = Annotated[Mapping[ProfileName, Annotated[int, Field(ge=1)]], NoDecode, BeforeValidator(_paired)]
Waits = Annotated[tuple[Annotated[float, Field(gt=0)], ...], NoDecode, BeforeValidator(_listed)]


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
    """What computes edits: ``opencv`` or ``qwen`` (docs/models.md); the same for gateway and workers."""
    segmentation_engine: Annotated[SegmenterName, Field(validation_alias="SEGMENTATION_ENGINE")] = SegmenterName.OPENCV
    """What computes smart masks: ``opencv`` or ``fastsam`` (docs/models.md); the same for gateway and workers."""

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
    setback_seconds: Annotated[float, Field(gt=0)] = 5.0
    """A job whose image store is away pauses for so long and is tried again, then for twice as long, and so on."""
    max_setbacks: Annotated[int, Field(ge=0)] = 6
    """So often; then it fails. With pauses that begin at 5 s, after five minutes."""
    job_time_limit_seconds: Annotated[float, Field(gt=0)] = 300.0
    """A generation that takes longer is stuck: 40 steps with CFG on an A100 take about 60 s."""
    broker_answer_seconds: Annotated[float, Field(gt=0)] = 3.0
    """A connection to the broker that is silent for so long is dead. Commands take milliseconds; a fork or a slow disk
    can hold the server up for a second."""
    broker_check_seconds: Annotated[float, Field(gt=0)] = 3.0
    """A connection to the broker that was idle for so long is asked for a sign of life before it is used."""
    broker_patience_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How long one command is tried before the broker counts as away; a restart takes 1 to 2 s. Twice this, and what
    a task does beside it, has to fit into the time limit of the image utilities."""
    broker_reconnect_seconds: Annotated[float, Field(gt=0)] = 1.0
    """A worker without its broker tries to connect this often. A hundred of them cost it a hundred tries a second."""
    commit_seconds: Annotated[float, Field(gt=0)] = 120.0
    """How long a worker tries to commit what it has computed while the broker is away, before it takes other work."""
    last_step_seconds: Annotated[float, Field(gt=0)] = 30.0
    """How long the step that runs at the time limit may take to notice it; longer, and it hangs: its process ends. A
    step of the largest edit takes 2 s on an A100."""
    clock_skew_seconds: Annotated[float, Field(ge=0)] = 2.0
    """How far the clocks of two enqueuing machines may be apart; with NTP it is milliseconds."""
    sweep_batch: Annotated[int, Field(ge=1)] = 500
    """Jobs looked at in one sweep: at 1 ms each, half a second."""
    housekeeping_seconds: Annotated[int, Field(ge=1)] = 3600
    """Between two looks for expired images: they live for days, an hour is often enough."""
    announce_seconds: Annotated[float, Field(gt=0)] = 5.0
    """A worker tells at least so often that it lives."""
    presence_seconds: Annotated[int, Field(ge=1)] = 15
    """A worker that has not told for so long counts as gone: two announcements may be lost."""
    presence_look_seconds: Annotated[float, Field(gt=0)] = 0.5
    """How often a worker looks at its number of running tasks, in memory; only a change is sent."""
    metrics_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How often a process tells the broker what it has counted; one that is killed takes so much with it. Prometheus
    asks every 15 s."""
    pool_look_seconds: Annotated[float, Field(gt=0)] = 0.5
    """How often a worker looks for pool children that have died, beside what tells it so; it costs microseconds."""
    loop_silent_seconds: Annotated[float, Field(gt=0)] = 40.0
    """A worker whose event loop has not turned for so long is wedged and ends itself: about twice the longest reconnect
    that ended well in the fault runs (20.6 s)."""
    slots_leaked_seconds: Annotated[float, Field(gt=0)] = 20.0
    """A worker that has counted more messages as delivered than it works on for so long waits for itself, and ends. An
    acknowledgement takes milliseconds; on a half-open connection 15 s."""
    dead_messages_kept: Annotated[int, Field(ge=1)] = 1000
    """Malformed messages, for somebody to look at; the oldest go first."""
    dead_message_characters: Annotated[int, Field(ge=100)] = 4000
    """Kept of a malformed message's headers, and of its body; ours have under 2,000. A thousand take 8 MB at most."""
    job_retention_seconds: Annotated[int, Field(gt=0)] = 24 * 3600
    """How long a finished job's record and events stay."""
    idempotency_seconds: Annotated[int, Field(gt=0)] = 24 * 3600
    """How long an Idempotency-Key is remembered: as long as the record of the job that it names."""
    events_kept: Annotated[int, Field(ge=10)] = 200
    """Events of a job's stream; 40 steps give about 50."""
    dead_letters_kept: Annotated[int, Field(ge=1)] = 1000
    """Jobs that ended their workers, for somebody to look at; the oldest go first."""
    failures_kept: Annotated[int, Field(ge=1)] = 50
    """Latest failures that `darkroom top` can show: id, code and worker, 200 bytes each."""
    reply_seconds: Annotated[int, Field(gt=0)] = 300
    """How long the reply of a utility stays: its waiter is on the line."""
    image_hot_seconds: Annotated[int, Field(gt=0)] = 3600
    """An image leaves the hot tier so long after its last use (or earlier by LRU)."""
    image_retention_seconds: Annotated[int, Field(gt=0)] = 7 * 24 * 3600
    """An image leaves the durable tier so long after it was last put; longer than any job's record."""
    store_answer_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long one request to an object store may take: a photo of 37 MB at 30 Mbit/s. It is refused within a second
    where the store answers with an error, and after this where it is silent."""
    child_memory_bytes: Annotated[int, Field(ge=500_000_000)] = 2_500_000_000
    """What a process of the CPU pool may hold, so that a decoder that goes wild fails its own task with out_of_memory
    and not the machine. The heaviest utility on the largest image (WebP of 40 MP with alpha) takes 1.6 GB, and a
    process that has just started 0.3."""
    max_image_pixels: Annotated[int, Field(gt=0, le=40_000_000)] = 40_000_000
    """40 MP decode to 120 MB; phones' default photos have 12 to 24. Not more: what decoders may take, in memory and in
    time, is made for this."""

    webhook_networks: Networks = ()
    """Networks that webhooks may reach though they are private (``10.1.0.0/16,fd00:1::/64``): there http and every port
    are allowed too. None, so that a client's URL leads out of this deployment only."""
    webhook_connect_seconds: Annotated[float, Field(gt=0)] = 3.0
    """For one connection to a receiver; around the world and back takes 0.3 s, and one lost packet a second."""
    webhook_total_seconds: Annotated[float, Field(gt=0)] = 10.0
    """For one attempt: name server, redirects and the answer's headers. A receiver has to take a message down in that
    time, not to work on it; the senders that people know wait for 5 to 30 s."""
    webhook_lease_seconds: Annotated[float, Field(gt=0)] = 60.0
    """An attempt that is not settled after this is made again: its worker died, or its message was lost. Longer than
    the queue of webhooks takes when all receivers are silent (32 messages, 8 at once, 10 s each)."""
    webhook_retry_seconds: Waits = (5, 30, 300, 1800, 7200, 18_000, 36_000)
    """Waits between attempts: a restart, a deployment, an outage of a night. Together with a fifth of jitter they stay
    under the life of a job's record, which holds what has to be told."""
    webhooks_queued: Annotated[int, Field(gt=0)] = 32
    """Messages about webhooks in the queue at once; the rest waits in the outbox, where owners take turns. So few that
    a new owner's one waits under a minute behind silent receivers, enough for ten deliveries a second."""
    webhook_secret_overlap_seconds: Annotated[int, Field(ge=0)] = 24 * 3600
    """How long the old secret signs beside a new one: the time that receivers have to take over the new one."""

    scaling_groups: GroupNames = {}
    """Autoscaling groups of the pools that the jobs worker scales (``cpu=NAME,t4=NAME,a100=NAME``). None: nothing is
    scaled, as nobody else could start a machine."""
    scaling_slots: SlotCounts = {ProfileName.CPU: 8, ProfileName.T4: 8, ProfileName.A100: 8}
    """Jobs that one machine of a pool does at once, until its workers tell: c7i.2xlarge has 8 cores, g4dn.xlarge a GPU
    that takes 8 clicks in a batch, p4de.24xlarge 8 GPUs."""
    scaling_look_seconds: Annotated[float, Field(gt=0, le=5)] = 0.5
    """How often the scaler reads the overview (0.1 ms of the broker): a job that meets an empty pool has its
    machine asked for within this."""
    scaling_read_seconds: Annotated[float, Field(gt=0)] = 15.0
    """How often it asks AWS what the groups have: who changed them by hand is noticed so soon, and AWS, which allows an
    account some calls a second, gets four a minute."""
    scaling_publish_seconds: Annotated[float, Field(gt=0)] = 60.0
    """How often it tells CloudWatch its metrics: the resolution of standard metrics."""
    deployment: Annotated[str, Field(min_length=1, max_length=255)] = "darkroom"
    """Names this Darkroom among others of an AWS account: dimension ``Deployment`` of its metrics."""
    aws_region: Annotated[str | None, Field(validation_alias="AWS_REGION")] = None
    """Where the groups are; unset: where the AWS configuration of the machine says."""


@cache
def settings() -> Settings:
    """Return this process's settings, read from the environment at the first call."""
    return Settings()
