"""The page at the gateway's front door, with what it loads. Its files are read once, when the app is built."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

from api.rendering import not_modified

FOLDER = Path(__file__).parent
PAGE = "index.html"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of the page: nothing from elsewhere, nothing that stands in its text runs, and nothing leaves to anybody else."""

MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}
"""What is served, by suffix; a machine's own list could say anything. Everything else in the folder is not for them."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page."""

    body: bytes
    media_type: str

    def headers(self) -> dict[str, str]:
        """Return what goes with it. A browser asks each time, so that after a deploy no old module meets a new one."""
        tag = hashlib.sha256(self.body).hexdigest()[:32]
        return {
            "ETag": f'"{tag}"',
            "Cache-Control": "no-cache",
            "Content-Security-Policy": POLICY,
            "Cross-Origin-Resource-Policy": "same-origin",
        }


def assets(folder: Path = FOLDER) -> dict[str, Asset]:
    """Read the files of a folder that are to be served, by their path in it."""
    return {
        path.relative_to(folder).as_posix(): Asset(path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in sorted(folder.rglob("*"))
        if path.suffix in MEDIA_TYPES and path.is_file()
    }


def router() -> APIRouter:
    """Build the routes of the page: anybody may load it, as it holds nothing but itself."""
    files = assets()
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        return _answer(request, files[PAGE])

    @routes.api_route("/playground/{path:path}", methods=["GET", "HEAD"])
    async def asset(request: Request, path: str) -> Response:
        if path not in files:
            raise HTTPException(404)
        return _answer(request, files[path])

    return routes


def _answer(request: Request, asset: Asset) -> Response:
    headers = asset.headers()
    return not_modified(request, headers) or Response(asset.body, media_type=asset.media_type, headers=headers)
