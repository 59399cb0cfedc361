"""How bytes come and go in a plain FastAPI app: ``uvicorn benchmarks.peers.transfer_app:app``.

Its upload is what the backend that Darkroom replaces had, and what the framework's tutorial leads to: base64 in a JSON
model, decoded, hashed and stored, in a function that FastAPI gives a thread. It stores what Darkroom stores and where:
the bytes and a record, in the image cache and then in the store's folder.
"""

import base64
import hashlib
import json
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import redis
from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel

CACHE = redis.Redis.from_url(os.environ["IMAGE_CACHE_URL"])
FOLDER = Path(urlsplit(os.environ["IMAGE_STORE_URL"]).path) / "plain"
KEPT_SECONDS = 3600

app = FastAPI()


class Upload(BaseModel):
    """An image as base64."""

    image: str


class Uploaded(BaseModel):
    """What it is called from now on."""

    image_id: str


@app.post("/images", status_code=201)
def upload(wanted: Upload) -> Uploaded:
    """Store an image in both tiers."""
    data = base64.b64decode(wanted.image, validate=True)
    image_id = hashlib.sha256(data).hexdigest()
    record = json.dumps({"id": image_id, "bytes": len(data), "created_at": time.time()}).encode()
    with CACHE.pipeline(transaction=False) as pipe:
        pipe.set(f"plain:{image_id}", data, ex=KEPT_SECONDS).set(f"plain:{image_id}:record", record, ex=KEPT_SECONDS)
        pipe.execute()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / image_id).write_bytes(data)
    (FOLDER / f"{image_id}.json").write_bytes(record)
    return Uploaded(image_id=image_id)


@app.get("/images/{image_id}")
def download(image_id: str) -> FileResponse:
    """Send a file, as Starlette does it."""
    return FileResponse(FOLDER / image_id, media_type="image/png")


@app.get("/empty")
async def empty() -> Response:
    """Answer with nothing."""
    return Response(status_code=204)
