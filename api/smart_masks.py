"""Smart masks as the gateway has them made: which tasks answer a click, and in which order.

With the ``fastsam`` engine a photo's masks are found once, on the segmentation pool, and kept; from then on a click
sends nothing there.
"""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from api.calls import Call, Calls
from api.pools import Pools
from api.schemas import Prefetched
from api.storage import Images
from tasks.engines import SegmenterName
from tasks.errors import ConflictError, ErrorCode
from tasks.metrics import MASK_CACHE, Lookup, Tally
from tasks.options import SmartMaskOptions
from tasks.queues import Queue
from tasks.smart_masks import (
    CANCEL_SECONDS,
    SEGMENT_TASK,
    SEGMENTER_KEY,
    SMART_MASK_TASK,
    Segmenter,
    arguments,
    queue_of,
    read_segmenter,
)


@dataclass(frozen=True, slots=True)
class Click:
    """A request for a mask, checked."""

    photo_id: str
    guidance_id: str | None
    """The image with brush strokes."""
    options: SmartMaskOptions
    owner: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Which tasks answer a click."""

    segments: bool
    """Whether the photo's masks have to be found first."""
    queue: Queue
    """Where the click itself is resolved."""

    @property
    def queues(self) -> frozenset[Queue]:
        """Every queue that it needs."""
        return frozenset({self.queue, Queue.SEGMENTATION}) if self.segments else frozenset({self.queue})


class SmartMasks:
    """Has masks made by the workers."""

    def __init__(
        self, calls: Calls, broker: "Redis", images: Images, pools: Pools, engine: SegmenterName, tally: Tally
    ) -> None:
        """``broker`` decodes its answers; ``engine`` is what the segmentation pool runs; ``tally`` counts clicks."""
        self._calls = calls
        self._broker = broker
        self._images = images
        self._pools = pools
        self._engine = engine
        self._tally = tally

    async def admit(self, click: Click) -> Plan:
        """Return how a click will be answered.

        Raises ``UnavailableError`` (queue_full) if a queue that it needs is at its limit.
        """
        segmenter = await self._segmenter()
        masks = await self._masks(click.photo_id, segmenter)
        plan = Plan(masks is Prefetched.MASKS, queue_of(click.options, self._engine, segmenter))
        for queue in plan.queues:
            await self._pools.admit(queue)
        if masks is not Prefetched.NOT_NEEDED:
            self._tally.count(MASK_CACHE, Lookup.MISS if plan.segments else Lookup.HIT)
        return plan

    async def find(self, click: Click, plan: Plan) -> dict[str, Any]:
        """Return the mask of a click, whose images are stored (``tasks.smart_masks.SmartMask``).

        Raises what the tasks raise, or ``UnavailableError``: wait_expired or broker_unavailable.
        """
        if not plan.segments:
            try:
                return await self._resolve(click, plan.queue)
            except ConflictError as error:
                if error.code is not ErrorCode.RESULT_NOT_READY:
                    raise
                # They were there a moment ago: they expired, or the pool has another model since.
        await self._calls.reply(_segmentation(click.photo_id, click.owner, click.request_id))
        # Only now it is sure what the pool runs.
        return await self._resolve(click, queue_of(click.options, self._engine, await self._segmenter()))

    async def prefetch(self, photo_id: str) -> Prefetched:
        """Return what a prefetch of a photo's masks will do.

        Raises ``UnavailableError`` (queue_full) if they have to be made and the queue is at its limit.
        """
        masks = await self._masks(photo_id, await self._segmenter())
        if masks is Prefetched.MASKS:
            await self._pools.admit(Queue.SEGMENTATION)
        return masks

    async def segment(self, photo_id: str, owner: str) -> None:
        """Have a stored photo's masks made; nobody waits for them."""
        await self._calls.send(_segmentation(photo_id, owner))

    async def _resolve(self, click: Click, queue: Queue) -> dict[str, Any]:
        images = (click.photo_id, click.guidance_id) if click.guidance_id else (click.photo_id,)
        given = {**arguments(click.options), "owner": click.owner, "request_id": click.request_id}
        return await self._calls.reply(Call(SMART_MASK_TASK, queue, images, given))

    async def _segmenter(self) -> Segmenter:
        return read_segmenter(await self._broker.get(SEGMENTER_KEY))

    async def _masks(self, photo_id: str, segmenter: Segmenter) -> Prefetched:
        if self._engine is SegmenterName.OPENCV:
            return Prefetched.NOT_NEEDED
        if segmenter.masks_key and await self._images.has_derived(photo_id, segmenter.masks_key):
            return Prefetched.STORED
        return Prefetched.MASKS


def _segmentation(photo_id: str, owner: str, request_id: str | None = None) -> Call:
    # Lives on when its waiter gives up: a pool that was woken for it should find it.
    named = {"request_id": request_id} if request_id else {}
    return Call(SEGMENT_TASK, Queue.SEGMENTATION, (photo_id,), {"owner": owner, **named}, lives=CANCEL_SECONDS)
