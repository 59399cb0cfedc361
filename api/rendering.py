"""Responses that carry pictures, and the headers that let clients keep them."""

import base64
from typing import Final

from anyio import to_thread
from fastapi import Request, Response
from pydantic import BaseModel

_PIECE: Final = 3 * 256 * 1024
"""Bytes encoded at once: the interpreter's lock is free between two pieces."""

CACHE_CONTROL: Final = "private, max-age=3600"
"""For the client's own cache only: a result is somebody's picture. The bytes of an id never change."""


def image_headers(tag: str) -> dict[str, str]:
    """Return the headers of an image whose bytes this tag stands for."""
    return {"ETag": f'"{tag}"', "Cache-Control": CACHE_CONTROL}


def not_modified(request: Request, headers: dict[str, str]) -> Response | None:
    """Return a 304 if the client names this ETag in If-None-Match (RFC 9110, 13.1.2), else None."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return Response(status_code=304, headers=headers) if known & {headers["ETag"], "*"} else None


async def base64_of(data: bytes) -> str:
    """Encode in a thread."""
    return await to_thread.run_sync(_base64, data)


async def json_response(model: BaseModel, *, with_nulls: bool = False) -> Response:
    """Render a model that holds a picture, in a thread; fields that are None are left out, or null."""
    body = await to_thread.run_sync(lambda: model.model_dump_json(exclude_none=not with_nulls).encode())
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def _base64(data: bytes) -> str:
    pieces = (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))
    return "".join(base64.b64encode(piece).decode("ascii") for piece in pieces)
