"""Looks at what is announced to a machine and at what its workers do, and carries out what is decided upon it."""

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from darkroom.machine.crew import Crew
from darkroom.machine.duties import Act, Outcome, Pace, Sight, Standing, decide, follow, observe
from darkroom.machine.metadata import Metadata, MetadataUnavailable, Notices
from darkroom.machine.settings import MachineSettings

if TYPE_CHECKING:
    from darkroom.machine.group import Group

_NOTHING = Notices(target=None, spot=None, rebalance=False)

log = structlog.get_logger(__name__)


class Watch:
    """Looks at notices and workers again and again, and carries out what is decided upon them."""

    def __init__(self, crew: Crew, service: Metadata, settings: MachineSettings) -> None:
        """Prepare; nothing is asked yet."""
        self._crew = crew
        self._service = service
        self._settings = settings
        self._pace = Pace(
            settings.machine_idle_seconds, settings.machine_heartbeat_seconds, settings.machine_ready_seconds
        )
        self._standing = Standing(time.monotonic())
        self._notices = _NOTHING
        self._reachable = True
        self._group: Group | None = None

    async def run(self) -> None:
        """Look and act until there is nothing left to do on this machine."""
        while True:
            sight = await self._look()
            self._standing = observe(self._standing, sight)
            act = decide(self._standing, sight, self._pace)
            if act is Act.LEAVE:
                return
            if act is not Act.KEEP:
                outcome = await self._carry_out(act)
                log.info("machine.act", act=act, outcome=outcome, target=sight.target, spot=self._notices.spot)
                self._standing = follow(self._standing, act, outcome, sight)
            if not (self._standing.draining or sight.is_warm):
                self._crew.may_start.set()
            await asyncio.sleep(self._settings.machine_look_seconds)

    async def close(self) -> None:
        """Leave no protection behind on a machine that no longer works."""
        if self._standing.protected:
            await self._carry_out(Act.UNPROTECT)

    async def _look(self) -> Sight:
        await self._read_notices()
        crew = self._crew
        sight = Sight(
            at=time.monotonic(),
            target=self._notices.target,
            spot=self._notices.spot is not None,
            rebalance=self._notices.rebalance,
            given_up=crew.given_up,
            helpless=crew.helpless,
            gone=crew.gone,
        )
        if sight.is_warm and crew.fetched and not crew.started:
            return replace(sight, workers=())
        return replace(sight, workers=await crew.states())

    async def _read_notices(self) -> None:
        """Take what is announced now; while the service is away, what was announced last holds."""
        try:
            notices = await self._service.notices()
        except MetadataUnavailable as error:
            if self._reachable:
                log.warning("machine.metadata_unavailable", url=self._settings.metadata_url, reason=str(error))
            self._reachable = False
            return
        if notices != self._notices:
            log.info("machine.noticed", target=notices.target, spot=notices.spot, rebalance=notices.rebalance)
        self._notices, self._reachable = notices, True

    async def _carry_out(self, act: Act) -> Outcome:
        if act is Act.DRAIN:
            self._crew.begin_drain()
            return Outcome.DONE
        group = await self._known_group()
        return Outcome.FAILED if group is None else await asyncio.to_thread(group.carry_out, act)

    async def _known_group(self) -> "Group | None":
        """Return the group as soon as the metadata service says who this machine is."""
        if self._group is None and self._settings.machine_group is not None:
            from darkroom.machine.group import Group  # noqa: PLC0415 - boto3 is an extra, and takes 0.3 s to import

            with contextlib.suppress(MetadataUnavailable):
                self._group = Group(self._settings.machine_group, await self._service.identity())
        return self._group
