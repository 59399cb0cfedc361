"""The client for programs that await."""

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self, Unpack

import httpx

from darkroom.client.connection import LIMITS, Address
from darkroom.client.drivers import AsyncDriver, OnProgress
from darkroom.client.flows import Flows, deadline
from darkroom.client.images import ImageLike
from darkroom.client.parameters import (
    Box,
    CannyParameters,
    CropParameters,
    EditParameters,
    EncodeParameters,
    ExtractParameters,
    MaeParameters,
    Operation,
    Point,
    ResizeParameters,
    ShadowParameters,
    SmartMaskParameters,
)
from darkroom.client.pictures import Edited, Health, ImageId, Picture, SmartMask
from darkroom.client.requests import pointed
from darkroom.client.retries import Retries
from darkroom.client.status import Status


class AsyncClient:
    """``Client`` with await: the same calls, whose docstrings say more.

    Files are read and pixels are packed in threads, so that the event loop is free.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, timeout: float = 60.0, retries: int = 5
    ) -> None:
        """Take the gateway's address and key: else DARKROOM_URL, http://127.0.0.1:8000 and DARKROOM_API_KEY.

        ``timeout`` is how many seconds the gateway may be silent, ``retries`` how often a call is repeated.
        """
        address = Address.of(url, api_key)
        self.url = address.url
        self._http = httpx.AsyncClient(
            base_url=address.url, headers=address.headers, timeout=address.timeout(timeout), limits=LIMITS
        )
        self._driver = AsyncDriver(self._http)
        self._flows = Flows(address.url, Retries(retries))
        self.utilities = AsyncUtilities(self._driver, self._flows)

    async def edit(
        self,
        operation: Operation,
        *,
        photo: ImageLike | None = None,
        mask: ImageLike | None = None,
        reference: ImageLike | None = None,
        reference_mask: ImageLike | None = None,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the one of Client, so that the same call means the same
        **parameters: Unpack[EditParameters],
    ) -> Edited:
        """Edit a photo and return what came out; ``on_progress`` is called, and awaited, with each ``Status``.

        White in ``mask`` is what may change. Cancelling the task cancels the job; so does ``timeout``, in seconds,
        which raises ``UnavailableError`` (wait_expired). A job that failed raises its own error.
        """
        images = {"photo": photo, "mask": mask, "reference": reference, "reference_mask": reference_mask}
        return await self._driver.run(self._flows.edit(operation, {**images, **parameters}, timeout), on_progress)

    async def submit(
        self,
        operation: Operation,
        *,
        photo: ImageLike | None = None,
        mask: ImageLike | None = None,
        reference: ImageLike | None = None,
        reference_mask: ImageLike | None = None,
        idempotency_key: str | None = None,
        **parameters: Unpack[EditParameters],
    ) -> "AsyncJob":
        """Submit an edit and return its job at once. The same ``idempotency_key`` is the same job, for a day."""
        images = {"photo": photo, "mask": mask, "reference": reference, "reference_mask": reference_mask}
        submitted = self._flows.submit(operation, {**images, **parameters}, idempotency_key)
        return self.job(await self._driver.run(submitted))

    def job(self, job_id: str) -> "AsyncJob":
        """Return a job by its id; whether there is one shows when it is asked for."""
        return AsyncJob(job_id, self._driver, self._flows)

    async def smart_mask(
        self,
        photo: ImageLike,
        points: Sequence[Point] = (),
        labels: Sequence[int] = (),
        box: Box | None = None,
        mask: ImageLike | None = None,
        **parameters: Unpack[SmartMaskParameters],
    ) -> SmartMask:
        """Return the mask of what points, a box or brush strokes (``mask``) mean; of the main object without any.

        A point's label is 1 if it belongs to the object, else 0. Coordinates are pixels of the upright photo.
        """
        fields = pointed(points, labels, box, mask is not None, parameters)
        return await self._driver.run(self._flows.smart_mask({"image": photo, "mask": mask}, fields))

    async def upload(self, image: ImageLike) -> ImageId:
        """Have the gateway keep an image for a week, and return its id."""
        return await self._driver.run(self._flows.upload(image))

    async def download(self, image_id: str) -> Picture:
        """Return an image that the gateway has, such as a preview."""
        return await self._driver.run(self._flows.download(image_id))

    async def health(self) -> Health:
        """Return how everything is."""
        return await self._driver.run(self._flows.health())

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Close with the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()

    def __repr__(self) -> str:
        """Tell the address; the key stays a secret."""
        return f"{type(self).__name__}({self.url!r})"


class AsyncJob:
    """A submitted edit."""

    def __init__(self, job_id: str, driver: AsyncDriver, flows: Flows) -> None:
        self.id = job_id
        self._driver = driver
        self._flows = flows

    async def status(self) -> Status:
        """Return where it is."""
        return await self._driver.run(self._flows.status(self.id))

    def events(self) -> AsyncIterator[Status]:
        """Yield each change, those that were and those to come, until the final one."""
        return self._driver.iterate(self._flows.follow(self.id, None))

    async def result(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        on_progress: OnProgress | None = None,
    ) -> Edited:
        """Wait for its end and return what came out.

        Raises the job's own error, ``ConflictError`` (job_cancelled), or ``UnavailableError`` (wait_expired) after
        ``timeout`` seconds; it then goes on.
        """
        return await self._driver.run(self._flows.result(self.id, deadline(timeout)), on_progress)

    async def cancel(self) -> str:
        """Cancel it and return its final state: cancelled, or what it had ended in before."""
        return await self._driver.run(self._flows.cancel(self.id))

    def __repr__(self) -> str:
        """Tell its id."""
        return f"{type(self).__name__}({self.id!r})"


class AsyncUtilities:
    """The image utilities (docs/image-utils.md)."""

    def __init__(self, driver: AsyncDriver, flows: Flows) -> None:
        self._driver = driver
        self._flows = flows

    async def resize(self, image: ImageLike, **options: Unpack[ResizeParameters]) -> Picture:
        """Scale a photo into a width, a height or both."""
        return await self._driver.run(self._flows.utility("resize", {"image": image}, options))

    async def crop(self, image: ImageLike, **options: Unpack[CropParameters]) -> Picture:
        """Cut a photo to a box, or to an aspect ratio around its centre."""
        return await self._driver.run(self._flows.utility("crop", {"image": image}, options))

    async def encode(self, image: ImageLike, **options: Unpack[EncodeParameters]) -> Picture:
        """Write a photo in another format; its file is the answer's ``data``."""
        return await self._driver.run(self._flows.utility("encode", {"image": image}, options))

    async def extract_object(
        self, image: ImageLike, mask: ImageLike | None = None, **options: Unpack[ExtractParameters]
    ) -> Picture:
        """Cut out the object under the mask, or the main object, onto a square."""
        return await self._driver.run(self._flows.utility("extract-object", {"image": image, "mask": mask}, options))

    async def mae(self, image: ImageLike, mask: ImageLike, **options: Unpack[MaeParameters]) -> Picture:
        """Fill the masked area from its surroundings: a quick preview of a removal."""
        return await self._driver.run(self._flows.utility("mae", {"image": image, "mask": mask}, options))

    async def canny(self, image: ImageLike, **options: Unpack[CannyParameters]) -> Picture:
        """Draw the edges, white on black."""
        return await self._driver.run(self._flows.utility("canny", {"image": image}, options))

    async def add_shadow_preview(
        self, image: ImageLike, mask: ImageLike | None = None, **options: Unpack[ShadowParameters]
    ) -> Picture:
        """Put an extracted object with a soft shadow on light grey."""
        return await self._driver.run(
            self._flows.utility("add-shadow-preview", {"image": image, "mask": mask}, options)
        )
