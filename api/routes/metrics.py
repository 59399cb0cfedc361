"""Figures for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from prometheus_client.exposition import choose_encoder

from api.gateway import GatewayDep
from api.metrics import Scrape
from api.permissions import ScrapingDep

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
async def metrics(
    request: Request, gateway: GatewayDep, _: ScrapingDep, accept: Annotated[str, Header()] = ""
) -> Response:
    """Answer within 3 s, also while the broker is away (darkroom_broker_up 0)."""
    reading = None if gateway.waiters.is_away else await gateway.scrapes.read()
    encode, media_type = choose_encoder(accept)
    body = encode(Scrape(request.state.requests, reading))
    return Response(body, media_type=media_type, headers={"Cache-Control": "no-store"})
