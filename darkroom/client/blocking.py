"""The client that blocks."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, Unpack

import httpx

from darkroom.client.connection import LIMITS, Address
from darkroom.client.drivers import Driver, OnProgress
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


class Client:
    """Darkroom over HTTP. Threads may share one.

    >>> from darkroom import Client                                            # doctest: +SKIP
    >>> with Client() as client:                                               # doctest: +SKIP
    ...     client.edit("white-balance", photo="photo.jpg").save("balanced.png")

    Images are paths, bytes, open files, PIL images (turned upright), numpy arrays (H × W × 3 uint8, RGB; a mask may be
    H × W bool), ids, or pictures that came from here. Each is sent once.
    Calls are repeated where no answer comes or the gateway is overloaded; a submit is one job however often it is sent.
    Raises ``darkroom.client.ApiError``, whose subclasses say who has to do something.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, timeout: float = 60.0, retries: int = 5
    ) -> None:
        """Take the gateway's address and key: else DARKROOM_URL, http://127.0.0.1:8000 and DARKROOM_API_KEY.

        ``timeout`` is how many seconds the gateway may be silent, ``retries`` how often a call is repeated.
        """
        address = Address.of(url, api_key)
        self.url = address.url
        self._http = httpx.Client(
            base_url=address.url, headers=address.headers, timeout=address.timeout(timeout), limits=LIMITS
        )
        self._driver = Driver(self._http)
        self._flows = Flows(address.url, Retries(retries))
        self.utilities = Utilities(self._driver, self._flows)

    def edit(
        self,
        operation: Operation,
        *,
        photo: ImageLike | None = None,
        mask: ImageLike | None = None,
        reference: ImageLike | None = None,
        reference_mask: ImageLike | None = None,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
        **parameters: Unpack[EditParameters],
    ) -> Edited:
        """Edit a photo and return what came out; ``on_progress`` is called with each ``Status`` on the way.

        White in ``mask`` is what may change. Ctrl-C cancels the job; so does ``timeout``, in seconds, which raises
        ``UnavailableError`` (wait_expired). A job that failed raises its own error.
        """
        images = {"photo": photo, "mask": mask, "reference": reference, "reference_mask": reference_mask}
        return self._driver.run(self._flows.edit(operation, {**images, **parameters}, timeout), on_progress)

    def submit(
        self,
        operation: Operation,
        *,
        photo: ImageLike | None = None,
        mask: ImageLike | None = None,
        reference: ImageLike | None = None,
        reference_mask: ImageLike | None = None,
        idempotency_key: str | None = None,
        **parameters: Unpack[EditParameters],
    ) -> "Job":
        """Submit an edit and return its job at once. The same ``idempotency_key`` is the same job, for a day."""
        images = {"photo": photo, "mask": mask, "reference": reference, "reference_mask": reference_mask}
        submitted = self._flows.submit(operation, {**images, **parameters}, idempotency_key)
        return self.job(self._driver.run(submitted))

    def job(self, job_id: str) -> "Job":
        """Return a job by its id; whether there is one shows when it is asked for."""
        return Job(job_id, self._driver, self._flows)

    def smart_mask(
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
        return self._driver.run(self._flows.smart_mask({"image": photo, "mask": mask}, fields))

    def upload(self, image: ImageLike) -> ImageId:
        """Have the gateway keep an image for a week, and return its id."""
        return self._driver.run(self._flows.upload(image))

    def download(self, image_id: str) -> Picture:
        """Return an image that the gateway has, such as a preview."""
        return self._driver.run(self._flows.download(image_id))

    def health(self) -> Health:
        """Return how everything is."""
        return self._driver.run(self._flows.health())

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Close with the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Tell the address; the key stays a secret."""
        return f"{type(self).__name__}({self.url!r})"


class Job:
    """A submitted edit."""

    def __init__(self, job_id: str, driver: Driver, flows: Flows) -> None:
        self.id = job_id
        self._driver = driver
        self._flows = flows

    def status(self) -> Status:
        """Return where it is."""
        return self._driver.run(self._flows.status(self.id))

    def events(self) -> Iterator[Status]:
        """Yield each change, those that were and those to come, until the final one."""
        return self._driver.iterate(self._flows.follow(self.id, None))

    def result(self, timeout: float | None = None, on_progress: OnProgress | None = None) -> Edited:
        """Wait for its end and return what came out.

        Raises the job's own error, ``ConflictError`` (job_cancelled), or ``UnavailableError`` (wait_expired) after
        ``timeout`` seconds; it then goes on.
        """
        return self._driver.run(self._flows.result(self.id, deadline(timeout)), on_progress)

    def cancel(self) -> str:
        """Cancel it and return its final state: cancelled, or what it had ended in before."""
        return self._driver.run(self._flows.cancel(self.id))

    def __repr__(self) -> str:
        """Tell its id."""
        return f"{type(self).__name__}({self.id!r})"


class Utilities:
    """The image utilities (docs/image-utils.md)."""

    def __init__(self, driver: Driver, flows: Flows) -> None:
        self._driver = driver
        self._flows = flows

    def resize(self, image: ImageLike, **options: Unpack[ResizeParameters]) -> Picture:
        """Scale a photo into a width, a height or both."""
        return self._driver.run(self._flows.utility("resize", {"image": image}, options))

    def crop(self, image: ImageLike, **options: Unpack[CropParameters]) -> Picture:
        """Cut a photo to a box, or to an aspect ratio around its centre."""
        return self._driver.run(self._flows.utility("crop", {"image": image}, options))

    def encode(self, image: ImageLike, **options: Unpack[EncodeParameters]) -> Picture:
        """Write a photo in another format; its file is the answer's ``data``."""
        return self._driver.run(self._flows.utility("encode", {"image": image}, options))

    def extract_object(
        self, image: ImageLike, mask: ImageLike | None = None, **options: Unpack[ExtractParameters]
    ) -> Picture:
        """Cut out the object under the mask, or the main object, onto a square."""
        return self._driver.run(self._flows.utility("extract-object", {"image": image, "mask": mask}, options))

    def mae(self, image: ImageLike, mask: ImageLike, **options: Unpack[MaeParameters]) -> Picture:
        """Fill the masked area from its surroundings: a quick preview of a removal."""
        return self._driver.run(self._flows.utility("mae", {"image": image, "mask": mask}, options))

    def canny(self, image: ImageLike, **options: Unpack[CannyParameters]) -> Picture:
        """Draw the edges, white on black."""
        return self._driver.run(self._flows.utility("canny", {"image": image}, options))

    def add_shadow_preview(
        self, image: ImageLike, mask: ImageLike | None = None, **options: Unpack[ShadowParameters]
    ) -> Picture:
        """Put an extracted object with a soft shadow on light grey."""
        return self._driver.run(self._flows.utility("add-shadow-preview", {"image": image, "mask": mask}, options))
