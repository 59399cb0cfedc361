"""Stored images in other formats, made once by the ``encode`` utility."""

from redis.asyncio import Redis

from api.storage import Images
from api.utilities import Utilities
from tasks.imaging.probe import Format


class Conversions:
    """Remembers for an hour under which id an image is stored in another format."""

    def __init__(self, utilities: Utilities, images: Images, broker: "Redis", seconds: int) -> None:
        """``seconds`` is how long the hot tier keeps what a utility made."""
        self._utilities = utilities
        self._images = images
        self._broker = broker
        self._seconds = seconds

    async def convert(self, image_id: str, wanted: Format, *, owner: str) -> str:
        """Return the id of the image in a format. Errors as ``Utilities.call``."""
        key = f"darkroom:encoded:{image_id}:{wanted}"
        known = await self._broker.get(key)
        if isinstance(known, str) and await self._images.exists(known, owner=owner):
            return known
        made = await self._utilities.call("encode", [image_id], {"format": str(wanted)}, owner=owner)
        await self._broker.set(key, made.image_id, ex=self._seconds)
        return made.image_id
