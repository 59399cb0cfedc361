"""Responses that carry pictures, and the headers that let clients keep them."""

from typing import Final

import pybase64
from anyio import to_thread
from fastapi import Request, Response
from pydantic import BaseModel

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
    return await to_thread.run_sync(pybase64.b64encode_as_string, data)


async def json_response(model: BaseModel, *, with_nulls: bool = False) -> Response:
    """Render a model that holds a picture, in a thread; fields that are None are left out, or null."""
    body = await to_thread.run_sync(lambda: model.model_dump_json(exclude_none=not with_nulls).encode())
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})
