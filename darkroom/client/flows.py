"""What a call does, step by step, without doing any of it: ``drivers.py`` does."""

import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import httpx

from darkroom.client import answers, images
from darkroom.client.errors import ApiError, NotFoundError, UnavailableError, UnreachableError, error_of
from darkroom.client.events import EventParser
from darkroom.client.images import ImageLike, Source
from darkroom.client.pictures import Edited, Health, ImageId, Picture, SmartMask
from darkroom.client.requests import EDIT_FIELDS, EVENT_STREAM, cancelled, fetched, of_job, posted, streamed
from darkroom.client.retries import Retries
from darkroom.client.status import Status
from darkroom.client.steps import Flow, Reply, Request, Tell, Wait, compute, open_stream, read, send

HEARTBEAT_SECONDS = 15.0
"""The gateway lets no stream be silent for longer."""
_SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
_STREAM_TRIES = 3
"""Streams in a row that told nothing new; then the job is asked for its state."""
_POLL_SECONDS = (0.25, 3.0)
"""The first interval and the longest."""
_GIVE_UP_SECONDS = 5.0
"""For the cancel of a job whose caller wants to leave."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """How a stream ended."""

    place: str
    """The last event's id."""
    pause: float | None = None
    """Seconds until the next try; None if there should be none."""
    is_over: bool = False
    """Whether the job has ended."""


class Flows:
    """The calls of one client. It remembers which images the gateway has: each is sent once."""

    def __init__(self, base_url: str, retries: Retries) -> None:
        """``base_url`` is what errors name."""
        self._base_url = base_url
        self._retries = retries
        self._known: set[str] = set()

    def edit(self, operation: str, given: Mapping[str, Any], timeout: float | None) -> Flow[Edited]:
        """Submit an edit and wait for its result; whoever stops waiting cancels it."""
        until = deadline(timeout)
        job_id = yield from self.submit(operation, given)
        try:
            return (yield from self.result(job_id, until))
        except ApiError as error:
            # A job that has failed, and one that nobody can ask for now, are left as they are.
            if error.code == "wait_expired" and error.status is None:
                yield from self._give_up(job_id)
            raise
        except BaseException:
            # Interrupted, cancelled, or the callback failed.
            yield from self._give_up(job_id)
            raise

    def submit(self, operation: str, given: Mapping[str, Any], key: str | None = None) -> Flow[str]:
        """Submit an edit and return its job's id; the same key with the same edit is the same job."""
        pictures = {field: given[name] for name, field in EDIT_FIELDS.items() if given.get(name) is not None}
        fields = {name: value for name, value in given.items() if name not in EDIT_FIELDS}
        sources = yield from _sources(pictures)
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        fields = {"task_type": operation, **fields}
        reply = yield from self._post("/api/generate/async", sources, fields, headers)
        return str(answers.told_by(reply.content)["task_id"])

    def status(self, job_id: str) -> Flow[Status]:
        """Return where a job is."""
        reply = yield from self.ask(Request("GET", of_job("status", job_id)))
        return Status.of(answers.told_by(reply.content))

    def cancel(self, job_id: str) -> Flow[str]:
        """Cancel a job and return its final state."""
        reply = yield from self.ask(cancelled(job_id))
        return str(answers.told_by(reply.content)["status"])

    def result(self, job_id: str, deadline: float | None) -> Flow[Edited]:
        """Wait for a job's end, telling where it is, and return what came out."""
        try:
            yield from self.follow(job_id, deadline)
            reply = yield from self.ask(Request("GET", of_job("result", job_id)))
        except ApiError as error:
            error.job_id = job_id
            raise
        edited = yield from compute(partial(answers.edited, reply.content))
        self._known.add(edited.id)
        return edited

    def follow(self, job_id: str, deadline: float | None) -> Flow[None]:
        """Tell each change of a job until its final state.

        By its event stream, which is taken up again where it broke; by asking where none can be held, and in the last
        seconds before a deadline, which a stream would sleep through.
        """
        place, fruitless = "", 0
        while fruitless < _STREAM_TRIES and _left(deadline) > HEARTBEAT_SECONDS:
            heard = yield from self._listen(job_id, place, fruitless, deadline)
            if heard.is_over:
                return
            if heard.pause is None:
                break
            fruitless = 0 if heard.place != place else fruitless + 1
            place = heard.place
            yield Wait(min(heard.pause, max(0.0, _left(deadline) - HEARTBEAT_SECONDS)))
        yield from self._poll(job_id, deadline)

    def smart_mask(self, pictures: Mapping[str, ImageLike | None], fields: Mapping[str, Any]) -> Flow[SmartMask]:
        """Return the mask of what the prompts mean."""
        sources = yield from _sources(pictures)
        headers = {"Accept": "application/json"}
        reply = yield from self._post("/api/smart-mask", sources, fields, headers)
        mask = yield from compute(partial(answers.smart_mask, reply.content))
        self._known |= {mask.id, mask.photo_id}
        return mask

    def utility(self, name: str, pictures: Mapping[str, ImageLike | None], options: Mapping[str, Any]) -> Flow[Picture]:
        """Return what an image utility makes."""
        sources = yield from _sources(pictures)
        reply = yield from self._post(f"/api/image-utils/{name}", sources, options, {"Accept": "image/*"})
        made = Picture(id=ImageId(reply.headers["x-image-id"]), data=reply.content)
        self._known.add(made.id)
        return made

    def upload(self, image: ImageLike) -> Flow[ImageId]:
        """Have the gateway keep an image, and return its id."""
        source: Source = yield from compute(partial(images.read, image))
        if source.data is None:
            return source.id
        reply = yield from self.ask(Request("POST", "/api/images", files={"image": source.data}))
        self._known.add(source.id)
        return ImageId(answers.told_by(reply.content)["image_id"])

    def download(self, image_id: str) -> Flow[Picture]:
        """Return an image that the gateway has."""
        reply = yield from self.ask(fetched(image_id))
        return Picture(id=ImageId(image_id), data=reply.content)

    def health(self) -> Flow[Health]:
        """Return how everything is."""
        reply = yield from self.ask(Request("GET", "/api/system/health"))
        return answers.health(reply.content)

    def ask(self, request: Request) -> Flow[Reply]:
        """Send a request, again where that helps, and return the answer. Raises ``ApiError``."""
        for attempt in count():
            try:
                reply = yield from send(request)
            except httpx.TransportError as error:
                pause = self._retries.after_silence(attempt)
                if pause is None:
                    raise self._unreachable(error) from error
            else:
                if reply.is_success:
                    return reply
                pause = self._retries.after_answer(attempt, reply)
                if pause is None:
                    raise error_of(reply, str(request))
            yield Wait(pause)
        raise AssertionError("count() has no end")

    def _post(
        self, path: str, sources: Mapping[str, Source], fields: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Flow[Reply]:
        """Send images with a request: those that the gateway has by their ids, unless it has lost them."""
        try:
            reply = yield from self.ask(posted(path, sources, fields, self._known, headers))
        except NotFoundError as error:
            lost = {each.id for each in sources.values() if each.data is not None} & self._known
            if error.code != "image_unknown" or not lost:
                raise
            self._known -= lost
            reply = yield from self.ask(posted(path, sources, fields, self._known, headers))
        self._known |= {each.id for each in sources.values()}
        return reply

    def _listen(self, job_id: str, place: str, attempt: int, deadline: float | None) -> Flow["_Heard"]:
        """Tell what one stream tells after an event."""
        parser = EventParser()
        try:
            reply = yield from open_stream(streamed(job_id, place, min(_SILENCE_SECONDS, _left(deadline))))
            if not reply.headers.get("content-type", "").startswith(EVENT_STREAM):
                # An answer that is no stream says so again when it is asked for the state.
                return _Heard(place, self._retries.after_answer(attempt, reply))
            while chunk := (yield from read()):
                for event in parser.feed(chunk):
                    place, status = event.id, Status.parse(event.data)
                    yield Tell(status)
                    if status.is_final:
                        return _Heard(place, is_over=True)
                if _left(deadline) <= HEARTBEAT_SECONDS:
                    break
        except httpx.TransportError:
            return _Heard(place, self._retries.after_silence(attempt))
        told = parser.retry_seconds
        return _Heard(place, self._retries.after_silence(attempt) if told is None else told)

    def _poll(self, job_id: str, deadline: float | None) -> Flow[None]:
        interval, longest = _POLL_SECONDS
        last = None
        while True:
            status = yield from self.status(job_id)
            if status != last:
                yield Tell(status)
            if status.is_final:
                return
            last = status
            if _left(deadline) <= 0:
                raise UnavailableError(None, "wait_expired", f"The job is still {status.state}.")
            yield Wait(min(interval, _left(deadline)))
            interval = min(longest, 1.5 * interval)

    def _give_up(self, job_id: str) -> Flow[None]:
        with suppress(httpx.TransportError):  # the caller leaves either way
            yield from send(cancelled(job_id, _GIVE_UP_SECONDS), is_shielded=True)

    def _unreachable(self, error: httpx.TransportError) -> UnreachableError:
        reason = str(error) or type(error).__name__
        return UnreachableError(None, "unreachable", f"No answer from Darkroom at {self._base_url}: {reason}.")


def _sources(pictures: Mapping[str, ImageLike | None]) -> Flow[dict[str, Source]]:
    def work() -> dict[str, Source]:
        return {name: images.read(each) for name, each in pictures.items() if each is not None}

    return compute(work)


def deadline(timeout: float | None) -> float | None:
    """Return when a time-out is over, by the monotonic clock."""
    return None if timeout is None else time.monotonic() + timeout


def _left(deadline: float | None) -> float:
    return float("inf") if deadline is None else deadline - time.monotonic()
