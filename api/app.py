"""The gateway's ASGI app: ``uvicorn api.app:create_app --factory``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline

from api import documentation, memory, metrics, problems, security
from api.gateway import Gateway, open_gateway
from api.routes import generate, health, image_utils, images, metrics as metrics_route, smart_mask, tokens, webhooks
from api.settings import GatewaySettings
from tasks import logs


class State(TypedDict):
    """What each request finds in ``request.state``."""

    gateway: Gateway
    requests: metrics.Requests


def create_app() -> FastAPI:
    """Build the app with the settings of the environment, and configure this process's logs and memory."""
    logs.configure()
    memory.return_large_blocks()
    return build(GatewaySettings())


def build(settings: GatewaySettings) -> FastAPI:
    """Build the app; its lifespan opens what it needs."""
    requests = metrics.Requests()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with open_gateway(settings) as gateway:
            yield State(gateway=gateway, requests=requests)

    app = FastAPIOffline(lifespan=lifespan, redoc_url=None, **documentation.ABOUT)
    for room in (generate, smart_mask, images, image_utils, webhooks, tokens, health):
        app.include_router(room.router, prefix="/api")
    app.include_router(metrics_route.router)
    app.add_api_route("/", _home, include_in_schema=False)
    problems.install(app)
    security.install(app, settings)
    documentation.install(app, settings.access)
    metrics.install(app, requests)
    return app


async def _home() -> RedirectResponse:
    return RedirectResponse("/docs")
