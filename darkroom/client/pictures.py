"""What comes back: pictures, with what is known of them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

_DISPLAY_SIDE = 640
"""Longest side in a notebook: its file holds each picture that it shows."""
_DISPLAY_QUALITY = 85
_SUFFIXES = {"jpg": "jpeg"}


class ImageId(str):
    """The id of an image that Darkroom has: the sha256 of its bytes, in hex. Usable wherever an image is."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Tell it from the name of a file."""
        return f"ImageId({str(self)!r})"


@dataclass(frozen=True, kw_only=True, repr=False)
class Picture:
    """An image that Darkroom made. It can be given wherever an image is; it is not sent again then."""

    id: ImageId
    data: bytes = field(repr=False)
    """The file, as it came."""

    @cached_property
    def image(self) -> Image.Image:
        """The picture, decoded."""
        image = Image.open(io.BytesIO(self.data))
        image.load()
        return image

    @property
    def format(self) -> str:
        """Of the file: png, jpeg, webp, avif."""
        return (self.image.format or "").lower()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.size

    def save(self, path: str | Path) -> Path:
        """Write a file in the format that its suffix names, and return its path. The same format keeps each byte."""
        path = Path(path)
        suffix = path.suffix.removeprefix(".").lower()
        if _SUFFIXES.get(suffix, suffix) == self.format:
            path.write_bytes(self.data)
        else:
            image = self.image.convert("RGB") if suffix in {"jpg", "jpeg"} else self.image
            image.save(path)
        return path

    def __repr__(self) -> str:
        """Tell the size and what else is worth a look."""
        facts = ", ".join([f"{self.size[0]} × {self.size[1]}", *self._facts()])
        return f"<{type(self).__name__} {facts}>"

    def _facts(self) -> list[str]:
        return [self.format]

    def _repr_png_(self) -> bytes | None:
        """Show it in a notebook where it has transparent pixels or is drawn."""
        return None if self._is_photo() else self._displayed("PNG")

    def _repr_jpeg_(self) -> bytes | None:
        """Show it in a notebook where it is a photo, at a tenth of a PNG's size."""
        return self._displayed("JPEG", quality=_DISPLAY_QUALITY) if self._is_photo() else None

    def _is_photo(self) -> bool:
        return self.image.mode == "RGB"

    def _displayed(self, image_format: str, **options: Any) -> bytes:
        shown = self.image.copy()
        shown.thumbnail((_DISPLAY_SIDE, _DISPLAY_SIDE))
        buffer = io.BytesIO()
        shown.save(buffer, image_format, **options)
        return buffer.getvalue()


@dataclass(frozen=True, kw_only=True, repr=False)
class Edited(Picture):
    """What came out of an edit."""

    job_id: str
    model: str
    """The engine that computed it."""
    seconds: float
    """On the generation worker."""
    seed: int | None = None
    """The same request with it gives the same picture."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What the edit was computed with, defaults included."""
    notes: tuple[str, ...] = ()
    """What of the request had no effect, or another one than one might expect."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """All that the gateway told, without the picture: stages, reproducibility, debug_info …"""

    def _facts(self) -> list[str]:
        return [f"by {self.model} in {self.seconds:.1f} s", f"seed {self.seed}", f"job {self.job_id}"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the masks that a click can mean."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels of the upright photo; x1 and y1 are exclusive."""
    area: int
    """Pixels."""
    score: float
    """The model's confidence, 0 to 1."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SmartMask(Picture):
    """The mask of what was meant: white is the object, of the photo's size. Give it as the mask of an edit."""

    photo_id: ImageId
    """Names the photo: later clicks need not send it again."""
    box: tuple[int, int, int, int]
    area: int
    """Pixels."""
    candidates: tuple[Candidate, ...]
    """What the prompts can mean: ask again with the index of another one as ``candidate``."""
    candidate: int
    """The index of this one."""
    model: str

    def _facts(self) -> list[str]:
        return [f"box {list(self.box)}", f"candidate {self.candidate} of {len(self.candidates)}", f"by {self.model}"]


@dataclass(frozen=True, slots=True)
class Service:
    """How one pool is."""

    status: str
    """healthy, asleep, starting, degraded or down. A pool that is asleep wakes when there is work."""
    engines: tuple[str, ...]
    queue_depth: int
    message: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """How everything is."""

    status: str
    """healthy or degraded."""
    open_jobs: int
    services: Mapping[str, Service]
