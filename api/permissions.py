"""What each route asks of its caller. A route without one of these is open to everybody; a test names those few."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, compile_path

from api.access import Caller
from api.gateway import Gateway, GatewayDep
from api.problems import broker_unavailable
from api.rates import Traffic
from api.security import ANSWER_HEADERS
from tasks.keys import Scope


@dataclass(frozen=True, slots=True)
class Permission:
    """A dependency: who asks has to have this scope, and is counted with this traffic. Gives the caller's owner."""

    scope: Scope
    traffic: Traffic | None
    """None: it is not counted, and who was known before the broker went away is let in for as long as it is away."""
    by_token: bool = False
    """Whether an address with a signed token will do."""

    async def __call__(self, request: Request, gateway: GatewayDep) -> str:
        """Return whose request it is. Errors as ``caller``."""
        return (await self.caller(request, gateway)).owner

    async def caller(self, request: Request, gateway: GatewayDep) -> Caller:
        """Return who asks.

        Raises ``AccessError``, ``RateError`` (rate_limited), or ``UnavailableError`` (broker_unavailable): where
        requests are counted, nobody is served uncounted.
        """
        caller = await gateway.access.identify(request, by_token=self.by_token, in_outage=self.traffic is None)
        if caller.key_id is not None:
            structlog.contextvars.bind_contextvars(key_id=caller.key_id)
            if gateway.waiters.is_away and self.traffic is not None:
                raise broker_unavailable()
        caller.require(self.scope)
        if self.traffic is not None:
            await count(request, gateway, caller, self.traffic)
        return caller


async def count(request: Request, gateway: Gateway, caller: Caller, traffic: Traffic, cost: int = 1) -> None:
    """Count a request for so many, and have its answer say how its key stands. Raises ``RateError``."""
    standing = await gateway.access.count(caller, traffic, cost)
    if standing is not None:
        request.scope[ANSWER_HEADERS] = standing.headers()
        standing.require()


EditingDep = Annotated[str, Depends(Permission(Scope.EDIT, Traffic.EDITS))]
"""Owner of a request that makes a job."""
SubmittingDep = Annotated[Caller, Depends(Permission(Scope.EDIT, Traffic.EDITS).caller)]
"""Who asks for a job, or for several."""
ComputingDep = Annotated[str, Depends(Permission(Scope.EDIT, Traffic.UTILITIES))]
"""Owner of a request that keeps a worker busy for a moment."""
UploadingDep = Annotated[str, Depends(Permission(Scope.EDIT, Traffic.UPLOADS))]
"""Owner of an upload."""
ManagingDep = Annotated[str, Depends(Permission(Scope.EDIT, Traffic.READS))]
"""Owner of a cancel or of a signing secret: such a request has to get through when all edits are used up."""
ReadingDep = Annotated[str, Depends(Permission(Scope.READ, Traffic.READS, by_token=True))]
"""Owner of a look at a job or an image."""
LookingDep = Annotated[Caller, Depends(Permission(Scope.READ, Traffic.READS).caller)]
"""Who looks at what belongs to nobody."""
ScrapingDep = Annotated[Caller, Depends(Permission(Scope.ADMIN, None).caller)]
"""Who collects figures, which have to come above all when something is away."""


def permissions(routes: Iterable[BaseRoute]) -> Iterator[tuple[RouteContext, Permission | None]]:
    """Yield each route of an app that FastAPI serves, with what it asks for."""
    for context in iter_route_contexts(list(routes)):
        if isinstance(context.original_route, APIRoute):
            yield context, _permission(context)


def is_readable_by_token(routes: Iterable[BaseRoute], path: str) -> bool:
    """Whether a route of an app reads this path for who has a token."""
    return any(
        permission is not None and permission.by_token and compile_path(str(context.path))[0].match(path)
        for context, permission in permissions(routes)
    )


def _permission(context: RouteContext) -> Permission | None:
    calls = (dependency.call for dependency in context.dependant.dependencies)
    found = (getattr(call, "__self__", call) for call in calls)
    return next((each for each in found if isinstance(each, Permission)), None)
