"""Image utilities: tasks that make an image from images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.calls import Call, Calls
from tasks.imaging.probe import Format
from tasks.queues import Queue


@dataclass(frozen=True, slots=True)
class Made:
    """An image that a utility made; it is in the store."""

    image_id: str
    format: Format
    width: int
    height: int


class Utilities:
    """Calls image utilities on their workers."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def call(self, name: str, images: Sequence[str], options: Mapping[str, Any], *, owner: str) -> Made:
        """Have a utility of ``tasks.image_utils`` make an image from images of the store. Errors as ``Calls.reply``."""
        call = Call(f"tasks.image_utils.{name}", Queue.IMAGE_UTILS, tuple(images), {**options, "owner": owner})
        result = await self._calls.reply(call)
        return Made(result["image_id"], Format(result["format"]), result["width"], result["height"])
