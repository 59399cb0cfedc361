"""A worker's life: opened before the consumer exists, its state told to everybody, drained when it is told to stop.

The profile comes from ``DARKROOM_PROFILE``, which ``darkroom worker`` sets. Celery imports this module in workers only.
"""

import contextlib
import os
import threading
import time
from typing import Any

import cv2  # once, before the fork, instead of in every child
import redis
import structlog
from celery import signals
from celery.worker import WorkController, state as celery_state
from redis.exceptions import AuthenticationError, NoPermissionError

from tasks import gpu, ledger, store, tracing, webhooks
from tasks.app import Darkroom, app
from tasks.counting import TaskCounter, Teller
from tasks.engines import (
    EngineUnusable,
    RefinerName,
    load_generation_engine,
    load_refiner,
    load_segmentation_engine,
)
from tasks.groups import Groups, GroupsUnusable, open_groups
from tasks.memory import keep_freed_blocks, limit_memory
from tasks.metrics import COLD_START_SECONDS, Tally
from tasks.presence import Presence, TaskCounts, WorkerState
from tasks.queues import Queue
from tasks.runtime import Runtime
from tasks.scaler import Scaler
from tasks.settings import settings
from tasks.smart_masks import SEGMENTER_KEY, Segmenter
from tasks.sweeper import Sweeper
from worker_profiles import Pool, Profile, ProfileName, load

EXIT_UNFORESEEN = 70
"""EX_SOFTWARE of sysexits.h."""
EXIT_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h: a restart changes nothing until somebody mends what the last line says."""

log = structlog.get_logger(__name__)


class WorkerLife:
    """Follows Celery's signals from the start of the main process to its end."""

    def __init__(self, app: Darkroom, profile: Profile) -> None:
        """Prepare; nothing is opened yet."""
        self._app = app
        self._profile = profile
        self._presence: Presence | None = None
        self._sweeper: Sweeper | None = None
        self._teller: Teller | None = None
        self._groups: Groups | None = None
        self._scaler: Scaler | None = None
        self._draining = threading.Event()
        self._tally = Tally(profile.name)
        self._counter = TaskCounter(self._tally)
        self._began = time.monotonic()

    def open(self, sender: WorkController, **_: Any) -> None:
        """Open everything in the main process, the model included, before the first message is taken."""
        self._app.watched_as = sender.hostname if sender.task_events else ""
        if self._profile.pool is Pool.PREFORK:
            cv2.setNumThreads(1)  # there is a child per core
        require_access(settings().redis_url)
        self._presence = Presence(self._app.ledger, self._profile, self._engine_name(), _task_counts)
        if self._computes:
            self._presence.watch(gpu.find())
        self._presence.start()
        self._counter.connect()
        self._tell(self._tally)
        try:
            store.tell(settings(), self._app.ledger.client)
            if self._profile.pool is Pool.PREFORK:
                return
            self._app.tracing = tracing.start(self._profile.name)
            self._tell_loading("")
            self._app.runtime = Runtime(
                profile=self._profile,
                store=store.connect(settings(), self._app.ledger.client, self._tally),
                tally=self._tally,
                draining=self._draining,
            )
            self._load(self._app.runtime, self._presence)
        except (EngineUnusable, GroupsUnusable) as error:
            log.critical("worker.cannot_start", profile=self._profile.name, reason=str(error))
            self._presence.stop()
            raise SystemExit(EXIT_CONFIGURATION) from None
        except Exception as error:
            # Celery only logs what a receiver of its signals raises: the worker would take jobs without its model.
            log.exception("worker.cannot_start", profile=self._profile.name)
            self._presence.stop()
            raise SystemExit(EXIT_UNFORESEEN) from error

    @property
    def _computes(self) -> bool:
        """Whether this pool is for GPUs."""
        return self._profile.generates or self._profile.segmentation_size is not None

    def _tell(self, tally: Tally) -> None:
        self._teller = Teller(self._app.ledger, tally)
        self._teller.start()

    def _engine_name(self) -> str | None:
        if self._profile.generates:
            return settings().generation_engine
        return settings().segmentation_engine if self._profile.segmentation_size else None

    def _load(self, runtime: Runtime, presence: Presence) -> None:
        if Queue.JOBS in self._profile.queues:
            runtime.sender = webhooks.egress()
        if self._profile.sweeps and settings().scaling_groups:
            self._groups = open_groups(settings())
        if self._profile.generates:
            runtime.engine = load_generation_engine(settings().generation_engine, self._tell_loading)
            presence.describe(device=runtime.engine.device)
        if self._profile.segmentation_size:
            size = settings().segmentation_size or self._profile.segmentation_size
            runtime.segmenter = load_segmentation_engine(settings().segmentation_engine, size, self._tell_loading)
            runtime.refiner = load_refiner(settings().models_folder, self._tell_loading)
            announcement = Segmenter(
                masks_key=runtime.segmenter.masks_key if runtime.segmenter else None,
                refiner=runtime.refiner.name if runtime.refiner else RefinerName.GRABCUT,
            )
            self._app.ledger.client.set(SEGMENTER_KEY, announcement.model_dump_json())

    def _tell_loading(self, message: str) -> None:
        if self._presence is not None:
            self._presence.change(WorkerState.LOADING, message)
        if message:
            log.info("worker.loading", profile=self._profile.name, what=message)

    def open_child(self, **_: Any) -> None:
        """Limit a pool child's memory and open its store, as connections do not survive a fork.

        A child that cannot open it ends, and the pool makes another: Celery only logs what a receiver raises, and the
        child would fail each task that it is given.
        """
        limit_memory(settings().child_memory_bytes)
        keep_freed_blocks()
        tally = Tally(self._profile.name)
        try:
            self._app.tracing = tracing.start(self._profile.name)
            opened = store.connect(settings(), self._app.ledger.client, tally)
            self._app.runtime = Runtime(profile=self._profile, store=opened, tally=tally)
            self._counter.tally = tally
            self._tell(tally)
        except Exception as error:
            log.exception("worker.child_cannot_start", profile=self._profile.name)
            time.sleep(settings().broker_reconnect_seconds)  # the pool replaces it at once
            raise SystemExit(EXIT_UNFORESEEN) from error

    def close_child(self, **_: Any) -> None:
        """Send what a pool child has counted and traced.

        It must not end here: the main process waits for its last word, without end.
        """
        self._stop_telling()
        self._app.tracing.close()

    def ready(self, **_: Any) -> None:
        """Take work."""
        if self._presence is not None:
            self._presence.change(WorkerState.READY)
        self._tally.observe(COLD_START_SECONDS, time.monotonic() - self._began, self._profile.name)
        if self._profile.sweeps:
            self._sweeper = Sweeper(self._app.ledger)
            self._sweeper.start()
        if self._groups is not None:
            self._scaler = Scaler(self._app.ledger, self._groups)
            self._scaler.start()
        log.info("worker.ready", profile=self._profile.name)

    def drain(self, **_: Any) -> None:
        """Give running generations back at their next step; called inside the signal handler of SIGTERM."""
        if self._presence is not None:
            self._presence.change(WorkerState.DRAINING)
        self._draining.set()
        if self._sweeper is not None:
            self._sweeper.stop()
        if self._scaler is not None:
            self._scaler.stop()

    def close(self, **_: Any) -> None:
        """Leave the list of workers."""
        if self._presence is not None:
            self._presence.stop()
        self._stop_telling()
        self._app.tracing.close()

    def _stop_telling(self) -> None:
        if self._teller is not None:
            self._teller.stop()

    def connect(self) -> None:
        """Follow Celery's signals."""
        signals.worker_init.connect(self.open, weak=False)
        signals.worker_process_init.connect(self.open_child, weak=False)
        signals.worker_process_shutdown.connect(self.close_child, weak=False)
        signals.worker_ready.connect(self.ready, weak=False)
        signals.worker_shutting_down.connect(self.drain, weak=False)
        signals.worker_shutdown.connect(self.close, weak=False)


def require_access(url: str) -> None:
    """Exit with 78 if the broker refuses this user; a broker that is away may come back, and is waited for later."""
    with contextlib.closing(ledger.connect(url, patience_seconds=0).client) as client:
        try:
            client.ping()
        except (AuthenticationError, NoPermissionError) as error:
            log.critical("worker.refused", reason=str(error))
            raise SystemExit(EXIT_CONFIGURATION) from None
        except (redis.ConnectionError, redis.TimeoutError) as error:
            log.warning("worker.broker_unavailable", reason=str(error))


def _task_counts() -> TaskCounts:
    return TaskCounts(len(celery_state.active_requests), sum(celery_state.total_count.values()))


_NAME = os.environ.get("DARKROOM_PROFILE")
if _NAME:
    WorkerLife(app, load(ProfileName(_NAME))).connect()
