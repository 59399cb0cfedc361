"""The gateway's ASGI app: ``uvicorn api.app:create_app --factory``."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from anyio import to_thread
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline

from api import documentation, memory, metrics, playground, problems, security
from api.gateway import Gateway, open_gateway
from api.routes import (
    generate,
    health,
    image_utils,
    images,
    metrics as metrics_route,
    openai,
    smart_mask,
    tokens,
    webhooks,
)
from api.settings import GatewaySettings
from tasks import logs, tracing
from tasks.app import app as celery
from tasks.tracing import Tracing


class State(TypedDict):
    """What each request finds in ``request.state``."""

    gateway: Gateway
    requests: metrics.Requests


def create_app() -> FastAPI:
    """Build the app with the settings of the environment, and configure this process's logs and memory."""
    logs.configure()
    celery.tracing = tracing.start("gateway")
    memory.return_large_blocks()
    app = build(GatewaySettings())
    memory.keep_what_is_there()
    return app


def build(settings: GatewaySettings) -> FastAPI:
    """Build the app; its lifespan opens what it needs."""
    requests = metrics.Requests()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        try:
            async with open_gateway(settings) as gateway:
                yield State(gateway=gateway, requests=requests)
        finally:
            await to_thread.run_sync(celery.tracing.close)

    app = FastAPIOffline(
        lifespan=lifespan, redoc_url=None, telemetry=telemetry_of(celery.tracing), **documentation.ABOUT
    )
    for room in (generate, smart_mask, images, image_utils, webhooks, tokens, health):
        app.include_router(room.router, prefix="/api")
    app.include_router(openai.router, prefix="/v1")
    app.include_router(metrics_route.router)
    app.include_router(playground.router())
    problems.install(app)
    security.install(app, settings)
    documentation.install(app, settings.access)
    metrics.install(app, requests)
    return app


def telemetry_of(tracing: Tracing) -> TelemetryConfig:
    """Return what FastAPI records of each request: a span where traces are on, and nothing else.

    Its logs would hold the text of errors, and its spans of each dependency outnumber ours.
    """
    nothing = TelemetryConfig(metrics=False, logs=False, operation_spans=False, auto_configure=False)
    if not tracing.is_on:
        return {**nothing, "tracing": False}
    return {**nothing, "tracer_provider": tracing.provider, "exclude": _is_probe}


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope["path"] in security.PROBED
