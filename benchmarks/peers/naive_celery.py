"""FastAPI and Celery as first written: a ``def`` route, base64 in JSON through the broker, and ``.delay().get()``."""

import base64
import os

from celery import Celery
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers import compute

celery = Celery("naive", broker=os.environ["PEER_BROKER"], backend=os.environ["PEER_BROKER"])
app = FastAPI()


class Photo(BaseModel):
    """What comes and what goes."""

    image: str
    """In base64."""


@celery.task
def resize_task(image: str) -> str:
    """Resize a photo; both are in base64."""
    compute.one_thread_each()
    return base64.b64encode(compute.resized(base64.b64decode(image))).decode()


@app.get("/health")
def health() -> None:
    """Say that it serves."""


@app.post("/resize")
def resize(photo: Photo) -> Photo:
    """Answer the resized photo."""
    return Photo(image=resize_task.delay(photo.image).get(timeout=60))
