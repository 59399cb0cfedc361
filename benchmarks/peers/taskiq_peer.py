"""FastAPI and taskiq over Redis.

taskiq writes messages and results as pydantic writes JSON, whatever the serializer: pictures have to be text.
"""

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Body, FastAPI, Response
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from benchmarks.peers import compute

CHECK_SECONDS = 0.005
"""Between two looks for a result; taskiq's default of 0.2 s would be most of the time that is measured."""

_ADDRESS = os.environ["PEER_BROKER"]
broker = (
    ListQueueBroker(_ADDRESS)
    .with_result_backend(RedisAsyncResultBackend(_ADDRESS, result_ex_time=60))
    .with_serializer(ORJSONSerializer())
)


@broker.task
def resize_task(image: str) -> str:
    """Resize a photo; both are in base64."""
    compute.one_thread_each()
    return base64.b64encode(compute.resized(base64.b64decode(image))).decode()


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


app = FastAPI(lifespan=_lifespan)


@app.get("/health")
async def health() -> None:
    """Say that it serves."""


@app.post("/resize")
async def resize(photo: Annotated[bytes, Body(media_type="image/jpeg")]) -> Response:
    """Answer the resized photo."""
    task = await resize_task.kiq(base64.b64encode(photo).decode())
    result = await task.wait_result(check_interval=CHECK_SECONDS, timeout=60)
    return Response(base64.b64decode(result.return_value), media_type="image/jpeg")
