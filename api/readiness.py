"""Whether a gateway can serve: its broker answers, and the images are within reach."""

import asyncio
import time

from api.pools import Pools
from api.storage import Images
from tasks.errors import ErrorCode, UnavailableError, error_of

LOOK_SECONDS = 2.0
"""An answer of the store is believed for so long: however many ask, it is looked at this often."""
PATIENCE_SECONDS = 2.0
"""A store that has not answered by then is away: a load balancer waits for a few seconds."""


class Readiness:
    """Asked by load balancers, every few seconds and from several places."""

    def __init__(self, pools: Pools, images: Images) -> None:
        """Nothing is asked yet."""
        self._pools = pools
        self._images = images
        self._looking: asyncio.Task[UnavailableError | None] | None = None
        self._looked_at = -LOOK_SECONDS

    async def require(self) -> None:
        """Return where everything is there. Raises ``UnavailableError``: broker_unavailable or store_unavailable."""
        await self._pools.overview()
        if self._looking is None or (self._looking.done() and time.monotonic() - self._looked_at > LOOK_SECONDS):
            self._looked_at = time.monotonic()
            self._looking = asyncio.create_task(self._look())
        # A look at a dead file system never ends: there is one at most, and it is not waited for twice as long.
        done, _ = await asyncio.wait({self._looking}, timeout=PATIENCE_SECONDS)
        error = self._looking.result() if done else _silent()
        if error is not None:
            raise error

    async def _look(self) -> UnavailableError | None:
        try:
            await self._images.require()
        except UnavailableError as error:
            return error
        return None


def _silent() -> UnavailableError:
    return error_of(  # type: ignore[return-value] # the kind of this code
        ErrorCode.STORE_UNAVAILABLE, "The image store does not answer; try again in a few seconds."
    )
