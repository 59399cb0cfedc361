"""How the worker of each pool runs: one source for the CLI, docker-compose.yml, systemd and Terraform.

Those that are no Python read ``*.env`` and ``pools.json`` beside this file, which `darkroom profile` writes.
"""

import importlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tasks.queues import Queue


class ProfileName(StrEnum):
    """Modules of this package that describe one pool's worker."""

    CPU = "cpu"
    T4 = "t4"
    A100 = "a100"
    JOBS = "jobs"


class Pool(StrEnum):
    """Celery's execution pools that we use.

    Prefork has time limits and survives a crashing codec; threads let a model live in the main process, loaded before
    the consumer exists (measured: docs/decisions/0004).
    """

    PREFORK = "prefork"
    THREADS = "threads"


class Service(StrEnum):
    """What the pool does, as system health names it."""

    IMAGE_UTILS = "image_utils"
    SEGMENTATION = "segmentation"
    GENERATION = "generation"
    JOB_MANAGER = "job_manager"


@dataclass(frozen=True, slots=True)
class Profile:
    """One pool's worker. Times are seconds."""

    name: ProfileName
    service: Service
    queues: tuple[Queue, ...]
    pool: Pool
    drain_seconds: int
    """From SIGTERM to the worker's end, at most, with default settings: what a supervisor has to wait. Almost always
    it is over within a step; a worker that is killed then delays its jobs by a lease and loses none."""
    concurrency: int | None = 1
    """Tasks at once; None is one per core."""
    prefetch_multiplier: int = 1
    """Messages per slot that a worker may hold; with prefetching disabled (celeryconfig.py) it bounds the restart."""
    soft_time_limit: int | None = None
    """Raises inside the task; prefork only, threads ignore it."""
    time_limit: int | None = None
    """Kills the pool child; prefork only."""
    max_tasks_per_child: int | None = None
    max_memory_per_child_kib: int | None = None
    events: bool = True
    """Task events for Flower; they cost 38 % of the throughput of tiny tasks."""
    generates: bool = False
    """Whether it loads the generation engine."""
    segmentation_size: int | None = None
    """Longer side in pixels that its segmentation engine sees; None loads no such engine."""
    sweeps: bool = False
    """Whether it runs the sweeper."""
    may_sleep: bool = True
    """Whether no worker at all is a normal state (scaled to zero)."""
    gpu: bool = False
    """Whether its machines have GPUs, for its engines with models; the ``opencv`` engine needs none."""

    def celery_arguments(self, number: int | None = None) -> list[str]:
        """Arguments of ``celery worker``, here ``python -m tasks``, that run this profile on this machine.

        ``number`` tells workers of one machine apart: Flower takes two of one node name for one.
        """
        node = self.name if number is None else f"{self.name}-{number}"
        arguments = [
            *("-n", f"{node}@%h"),
            *("-Q", ",".join(self.queues)),
            *("-P", self.pool.value),
            # Remote control, gossip and mingle wedge a worker whose connection is reset.
            *("--without-gossip", "--without-mingle"),
        ]
        options = {
            "-c": self.concurrency,
            "--prefetch-multiplier": self.prefetch_multiplier,
            "--soft-time-limit": self.soft_time_limit,
            "--time-limit": self.time_limit,
            "--max-tasks-per-child": self.max_tasks_per_child,
            "--max-memory-per-child": self.max_memory_per_child_kib,
        }
        for option, value in options.items():
            if value is not None:
                arguments += [option, str(value)]
        if self.events:
            arguments.append("-E")
        return arguments

    def environment(self) -> dict[str, str]:
        """Variables that a machine of this pool sets, whatever it starts there."""
        given = {"DARKROOM_PROFILE": self.name, "DARKROOM_SEGMENTATION_SIZE": self.segmentation_size}
        return {name: str(value) for name, value in given.items() if value is not None}

    def facts(self) -> dict[str, Any]:
        """What deploys the pool has to know, as JSON."""
        return {
            "service": self.service,
            "queues": list(self.queues),
            "pool": self.pool,
            "concurrency": self.concurrency,
            "drain_seconds": self.drain_seconds,
            "gpu": self.gpu,
        }


def load(name: ProfileName) -> Profile:
    """Return the profile of a pool."""
    profile: Profile = importlib.import_module(f"worker_profiles.{name}").PROFILE
    return profile


def for_queue(queue: Queue) -> Profile:
    """Return the profile whose workers consume a queue."""
    return next(profile for profile in map(load, ProfileName) if queue in profile.queues)
