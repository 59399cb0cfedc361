"""How the gateway and the pools behind it are."""

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import SkipJsonSchema

from api.answers import Answer, DescribedAs
from api.gateway import ConnectedDep, GatewayDep
from api.permissions import LookingDep
from api.pools import Health, Pool, overall, pool_of, pools_of
from api.problems import responses
from tasks.errors import ErrorCode, UnavailableError
from tasks.gpu import GpuState
from tasks.keys import Scope
from tasks.ledger import Overview
from tasks.presence import WorkerState
from tasks.queues import Queue
from worker_profiles import ProfileName, Service

router = APIRouter(tags=["health"])

_NAMELESS = ("profile", "service", "engine", "device", "state", "message", "slots", "active")
"""What everybody may know of a worker."""


class GatewayHealth(BaseModel, use_attribute_docstrings=True):
    """That the gateway lives."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"status": "healthy", "model_loaded": True, "device": "cpu", "device_info": {"engine": "opencv"}}
        },
    )

    status: Health
    """degraded: the gateway lives, but its broker does not answer."""
    model_loaded: bool
    """Whether a generation worker is ready."""
    device: str
    """What the generation pool runs on: cpu or cuda; unknown until its model is loaded, asleep without workers."""
    device_info: dict[str, Any]


class Probe(BaseModel, use_attribute_docstrings=True):
    """That it is so."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "healthy"}})

    status: Health
    """healthy; what is not is a problem document."""


class WorkerHealth(BaseModel, use_attribute_docstrings=True):
    """What one worker tells of itself."""

    profile: ProfileName
    service: Service
    engine: str | None
    """What computes there; null where no engine is needed."""
    device: str | None
    """What it computes on, such as cpu or cuda; null until its model is loaded."""
    state: WorkerState
    message: str
    """What takes time; empty where nothing does."""
    slots: int
    """Tasks that it can run at once."""
    active: int
    """Tasks that it runs now."""
    taken: int | SkipJsonSchema[None] = None
    """Tasks since its start; this and what follows is left out for keys that may not see machines."""
    name: str | SkipJsonSchema[None] = None
    """Its profile, machine and process."""
    pid: int | SkipJsonSchema[None] = None
    started_at: float | SkipJsonSchema[None] = None
    """Unix seconds."""
    gpu: GpuState | SkipJsonSchema[None] = None
    """Left out on machines without one."""


class ServiceHealth(Answer):
    """How one pool is."""

    status: Health
    message: str | None = None
    """What its workers load while it starts."""
    engines: list[str]
    """What computes there; empty where no engine is loaded, or nobody works."""
    workers: list[Annotated[dict[str, Any], DescribedAs(WorkerHealth)]]
    """Without their names, machines and processes where keys are asked for, unless the key has the scope admin."""
    states: dict[WorkerState, int]
    """How many workers are in each state; a state that none is in is left out."""
    slots: int
    """Tasks that the live workers can run at once."""
    in_flight: int
    """Tasks that they run now."""
    queue_depth: int
    """Jobs or messages that wait for this pool."""
    open_jobs: int
    """Jobs that this pool has to work on, now or later, those in flight included: what a scaler keeps machines for."""
    oldest_job_seconds: float
    """How long the job or message that came first has waited; 0 when none does."""
    desired: int | None
    """Machines that the pool should have; null where nothing is scaled, or the scaler is silent."""
    desired_reason: str | None
    """Why, and what AWS refused."""

    @classmethod
    def of(cls, pool: Pool, *, in_detail: bool) -> "ServiceHealth":
        """Describe a pool; in detail, with the names of its machines."""
        return cls(
            status=pool.health,
            message=pool.loading,
            engines=pool.engines,
            workers=[worker if in_detail else _without_names(worker) for worker in pool.workers],
            states=dict(Counter(WorkerState(worker["state"]) for worker in pool.workers)),
            slots=pool.slots,
            in_flight=pool.busy,
            queue_depth=max(pool.depth.messages, pool.depth.waiting_jobs),
            open_jobs=pool.depth.open_jobs,
            oldest_job_seconds=round(pool.depth.oldest_seconds, 3),
            desired=pool.capacity.desired if pool.capacity else None,
            desired_reason=pool.capacity.reason if pool.capacity else None,
        )


class SystemHealth(BaseModel, use_attribute_docstrings=True):
    """How everything is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "status": "healthy",
                "open_jobs": 1,
                "services": {
                    "generation": {
                        "status": "healthy",
                        "message": None,
                        "engines": ["qwen"],
                        "workers": [
                            {
                                "profile": "a100",
                                "service": "generation",
                                "engine": "qwen",
                                "device": "cuda",
                                "state": "busy",
                                "message": "",
                                "slots": 1,
                                "active": 1,
                            }
                        ],
                        "states": {"busy": 1},
                        "slots": 1,
                        "in_flight": 1,
                        "queue_depth": 0,
                        "open_jobs": 1,
                        "oldest_job_seconds": 0.0,
                        "desired": 1,
                        "desired_reason": "0 waiting (about 0 s of work), 1 running: 1 will do",
                    },
                    "segmentation": {
                        "status": "asleep",
                        "message": None,
                        "engines": [],
                        "workers": [],
                        "states": {},
                        "slots": 0,
                        "in_flight": 0,
                        "queue_depth": 0,
                        "open_jobs": 0,
                        "oldest_job_seconds": 0.0,
                        "desired": 0,
                        "desired_reason": "nothing to do",
                    },
                },
            }
        },
    )

    status: Health
    """healthy or degraded."""
    open_jobs: int
    """Jobs that have not ended."""
    services: dict[Service, ServiceHealth]


@router.get("/health", operation_id="health", summary="Does the gateway live?", responses=responses())
async def health(gateway: GatewayDep) -> GatewayHealth:
    """Answer at once, whatever the broker and the workers do: for liveness probes and today's frontend."""
    if gateway.waiters.away_seconds:
        return _without_broker()
    try:
        return _with_workers(await gateway.pools.overview())
    except UnavailableError:
        return _without_broker()


@router.get("/health/live", operation_id="live", summary="Does this process answer?", responses=responses())
async def live() -> Probe:
    """Answer at once and ask nobody: whoever gets no answer may end this process."""
    return Probe(status=Health.HEALTHY)


@router.get(
    "/health/ready",
    operation_id="ready",
    summary="Can this gateway serve?",
    responses=responses(ErrorCode.BROKER_UNAVAILABLE, ErrorCode.STORE_UNAVAILABLE),
)
async def ready(gateway: ConnectedDep) -> Probe:
    """Tell whether the broker answers and the images are within reach: send requests elsewhere meanwhile.

    Pools may sleep, which is no reason to turn requests away.
    """
    await gateway.readiness.require()
    return Probe(status=Health.HEALTHY)


@router.get(
    "/system/health",
    operation_id="system_health",
    summary="How is each service?",
    responses=responses(ErrorCode.BROKER_UNAVAILABLE),
)
async def system_health(gateway: ConnectedDep, caller: LookingDep) -> SystemHealth:
    """Tell of each pool whether it is healthy, asleep, starting, degraded or down, its workers and its queue.

    A pool that may sleep and has no workers is asleep, which is no error.
    """
    overview = await gateway.pools.overview()
    pools = pools_of(overview)
    in_detail = caller.scope.includes(Scope.ADMIN)
    return SystemHealth(
        status=overall(pools.values()),
        open_jobs=overview.open_jobs,
        services={service: ServiceHealth.of(pool, in_detail=in_detail) for service, pool in pools.items()},
    )


def _without_names(worker: dict[str, Any]) -> dict[str, Any]:
    return {fact: worker[fact] for fact in _NAMELESS if fact in worker}


def _without_broker() -> GatewayHealth:
    return GatewayHealth(status=Health.DEGRADED, model_loaded=False, device="unknown", device_info={})


def _with_workers(overview: Overview) -> GatewayHealth:
    pool = pool_of(overview, Queue.GENERATION)
    worker = pool.workers[0] if pool.workers else {}
    device = (worker.get("device") or "unknown") if worker else "asleep"
    return GatewayHealth(
        status=Health.HEALTHY,
        model_loaded=bool(pool.states & {WorkerState.READY, WorkerState.BUSY}),
        device=device,
        device_info={"engine": worker.get("engine"), "workers": len(pool.workers), "slots": pool.slots},
    )
