"""Plain FastAPI: the photo is resized in the process that serves, in its thread pool (cv2 lets go of the lock)."""

from typing import Annotated

from fastapi import Body, FastAPI, Response

from benchmarks.peers import compute

compute.one_thread_each()
app = FastAPI()


@app.get("/health")
def health() -> None:
    """Say that it serves."""


@app.post("/resize")
def resize(photo: Annotated[bytes, Body(media_type="image/jpeg")]) -> Response:
    """Answer the resized photo."""
    return Response(compute.resized(photo), media_type="image/jpeg")
