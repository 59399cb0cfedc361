"""Row 14: a removal through the queues against the sum of its parts in one process, by the same functions."""

import statistics
import time
from collections.abc import Iterator
from typing import cast

import httpx

from benchmarks.harness import Measure, Scale, at_most, number, rounds
from benchmarks.stand import MASK, PHOTO, Darkroom, darkroom
from tasks import imaging, ledger, store, workflows
from tasks.engines.opencv import create
from tasks.generation import carry_out
from tasks.imaging.probe import Format
from tasks.jobs import Edit, Job, Operation, Role, Stage, State
from tasks.lease import Lease
from tasks.queues import Priority
from tasks.settings import Settings
from tasks.store import LOCAL_OWNER, ImageStore

SEED = 1
"""The same for all: how long texture is searched depends on it."""
ROOM_SECONDS = 0.010
"""What the way through the queues may take beside its share."""


def measure(scale: Scale, _: set[int]) -> Iterator[Measure]:
    """Remove an object, both ways in turn."""
    with darkroom("cpu", "a100") as stand, httpx.Client(timeout=60) as client:
        kept = _store(stand)
        edit = Edit(
            operation=Operation.REMOVAL,
            photo=kept.put(PHOTO.read_bytes(), owner=LOCAL_OWNER).id,
            mask=kept.put(MASK.read_bytes(), owner=LOCAL_OWNER).id,
            seed=SEED,
        )
        through_queues(stand, client, edit)  # each process has then met such a photo
        in_process(kept, edit)
        took = rounds(
            {"queues": lambda: through_queues(stand, client, edit), "process": lambda: in_process(kept, edit)},
            scale.pick(full=9, quick=2),
        )
    pairs = list(zip(took["queues"], took["process"], strict=True))
    queued, alone = (1000 * statistics.median(took[way]) for way in ("queues", "process"))
    detail = f"{number(queued)} ms through queues, {number(alone)} ms in one process"
    limit = "two parts of three run side by side"
    yield Measure(
        14,
        "a removal: its parts in one process, time less 10 ms",
        tuple((queues - ROOM_SECONDS) / process for queues, process in pairs),
        at_most(1.15),
        detail,
        limit,
    )
    beside = tuple(1000 * (queues - process) for queues, process in pairs)
    yield Measure(14, "a removal: what the queues add, in ms", beside, None, detail)


def through_queues(stand: Darkroom, client: httpx.Client, edit: Edit) -> float:
    """Return the seconds from a job's submission to its last event, by its stream."""
    wanted = {
        "task_type": "removal",
        "input_image": edit.photo,
        "conditional_images": [edit.mask],
        "seed": edit.seed,
    }
    began = time.perf_counter()
    job_id = client.post(f"{stand.url}/api/generate/async", json=wanted).raise_for_status().json()["task_id"]
    with client.stream("GET", f"{stand.url}/api/generate/stream/{job_id}") as stream:
        if not any('"status":"done"' in line for line in stream.iter_lines()):
            raise RuntimeError("The job was not done.")
    return time.perf_counter() - began


def in_process(kept: ImageStore, edit: Edit) -> float:
    """Return the seconds of the same work without queues, one part after the other."""
    began = time.perf_counter()
    job = _job(edit)
    known = workflows.normalised(job, kept)
    job.parts.update(known)
    for role in (Role.MASKED_BACKGROUND, Role.MAE):
        photo = imaging.codec.decode_rgb(kept.open(known[Role.PHOTO]))
        mask = imaging.masks.fit_mask(imaging.codec.decode_mask(kept.open(known[Role.MASK])), *photo.shape[:2])
        is_preview = role is Role.MAE
        made = imaging.mae.mae(photo, mask) if is_preview else imaging.extract.masked_background(photo, mask)
        job.parts[role] = kept.put(imaging.codec.encode(made, Format.PNG), owner=LOCAL_OWNER).id
    carry_out(job, kept, create(lambda _: None), cast("Lease", _Freely()))
    return time.perf_counter() - began


class _Freely:
    """Stands for a lease where nobody could take the job away."""

    def report(self, step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None:
        """Tell nobody."""


def _store(stand: Darkroom) -> ImageStore:
    """Open the images of the stand, as its workers do."""
    settings = Settings(
        image_cache_url=stand.environment["IMAGE_CACHE_URL"], image_store_url=stand.environment["IMAGE_STORE_URL"]
    )
    return store.connect(settings, ledger.connect(stand.environment["REDIS_URL"]).client)


def _job(edit: Edit) -> Job:
    now = time.time()
    return Job(
        id="in-process",
        edit=edit,
        owner=LOCAL_OWNER,
        priority=Priority.INTERACTIVE,
        state=State.QUEUED,
        stage=Stage.OPENING,
        created_at=now,
        enqueued_at=now,
        started_at=None,
        finished_at=None,
        lease_until=0,
        attempts=1,
        launch="",
        progress=0,
        step=0,
        total_steps=0,
        message="",
        preview=None,
        request_id="",
        webhook=None,
        worker="",
    )
