"""Image utilities: each a task of its own, and a part of a job when a chord asks for it.

All take ids from the image store (the photo's, then the mask's where there is one), the options of ``tasks.options``
as keywords, and the ``owner`` of what they make. All return ``{"image_id", "format", "width", "height"}``.
Errors: ``InputError`` for what the caller has to change, ``NotFoundError`` for an id that names nothing.
"""

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tasks import imaging
from tasks.app import app
from tasks.base import DarkroomTask
from tasks.imaging.probe import OUTPUT_FORMATS, Format, probe
from tasks.options import (
    CannyOptions,
    CropOptions,
    EncodeOptions,
    ExtractOptions,
    MaeOptions,
    NoOptions,
    OutputOptions,
    ResizeOptions,
    ShadowOptions,
)
from tasks.results import part_of
from tasks.store import LOCAL_OWNER
from tasks.validation import validated


class Made(TypedDict):
    """What a utility returns: where its image is, and what it is."""

    image_id: str
    format: str
    width: int
    height: int


class UtilityTask(DarkroomTask):
    """Reads from the store and writes to it."""

    abstract = True

    def open(self, image_id: str) -> bytes:
        """Return an image's bytes."""
        return self.app.runtime.store.open(image_id)

    def keep(self, data: bytes, owner: str) -> Made:
        """Store what was made; a part of a job goes to the durable tier, as the job may wait long for its pool."""
        kept = self.app.runtime.store.put(data, owner=owner, durable=part_of(self.request) is not None)
        self.app.tracing.note(darkroom_width=kept.width, darkroom_height=kept.height)
        return Made(image_id=kept.id, format=kept.format, width=kept.width, height=kept.height)


@app.task(bind=True, base=UtilityTask)
def resize(self: UtilityTask, image_id: str, *, owner: str = LOCAL_OWNER, **options: Any) -> Made:
    """Scale a photo (``ResizeOptions``)."""
    wanted = validated(ResizeOptions, options)
    data = self.open(image_id)
    pixels = imaging.codec.decode(data, shrink_to=max(wanted.width or 0, wanted.height or 0))
    pixels = imaging.geometry.resize(
        pixels,
        width=wanted.width,
        height=wanted.height,
        fit=imaging.geometry.Fit(wanted.fit),
        upscale=wanted.upscale,
    )
    return self.keep(_written(pixels, data, wanted), owner)


@app.task(bind=True, base=UtilityTask)
def crop(self: UtilityTask, image_id: str, *, owner: str = LOCAL_OWNER, **options: Any) -> Made:
    """Cut a photo (``CropOptions``)."""
    wanted = validated(CropOptions, options)
    data = self.open(image_id)
    pixels = imaging.geometry.crop(imaging.codec.decode(data), box=wanted.box, aspect=wanted.aspect)
    return self.keep(_written(pixels, data, wanted), owner)


@app.task(bind=True, base=UtilityTask)
def encode(self: UtilityTask, image_id: str, *, owner: str = LOCAL_OWNER, **options: Any) -> Made:
    """Write a photo in another format (``EncodeOptions``)."""
    wanted = validated(EncodeOptions, options)
    data = self.open(image_id)
    encoded = imaging.codec.encode(
        imaging.codec.decode(data),
        Format(wanted.format),
        quality=wanted.quality or imaging.codec.DEFAULT_QUALITY,
        lossless=wanted.lossless,
        max_bytes=wanted.max_bytes,
        metadata=imaging.codec.read_metadata(data) if wanted.keep_metadata else None,
    )
    return self.keep(encoded, owner)


@app.task(bind=True, base=UtilityTask)
def extract_object(
    self: UtilityTask, image_id: str, mask_id: str | None = None, *, owner: str = LOCAL_OWNER, **options: Any
) -> Made:
    """Cut out the object under a mask onto a square (``ExtractOptions``); without a mask the main object is found."""
    wanted = validated(ExtractOptions, options)
    photo = imaging.codec.decode(self.open(image_id))
    mask = _mask(self, mask_id, photo) if mask_id else imaging.find.main_object(photo)
    made = imaging.extract.extract(photo, mask, backdrop=imaging.extract.Backdrop(wanted.background))
    return self.keep(_png(made), owner)


@app.task(bind=True, base=UtilityTask)
def mae(self: UtilityTask, image_id: str, mask_id: str, *, owner: str = LOCAL_OWNER, **options: Any) -> Made:
    """Fill the masked area as a preview (``MaeOptions``)."""
    wanted = validated(MaeOptions, options)
    photo = imaging.codec.decode_rgb(self.open(image_id))
    method = imaging.mae.Method(wanted.method)
    made = imaging.mae.mae(photo, _mask(self, mask_id, photo), tool=wanted.mask_tool_type, method=method)
    return self.keep(_png(made), owner)


@app.task(bind=True, base=UtilityTask)
def masked_background(
    self: UtilityTask, image_id: str, mask_id: str, *, owner: str = LOCAL_OWNER, **options: Any
) -> Made:
    """Blacken the masked area (no options)."""
    validated(NoOptions, options)
    photo = imaging.codec.decode_rgb(self.open(image_id))
    return self.keep(_png(imaging.extract.masked_background(photo, _mask(self, mask_id, photo))), owner)


@app.task(bind=True, base=UtilityTask)
def canny(self: UtilityTask, image_id: str, *, owner: str = LOCAL_OWNER, **options: Any) -> Made:
    """Draw the edges white on black (``CannyOptions``)."""
    wanted = validated(CannyOptions, options)
    photo = imaging.codec.decode_rgb(self.open(image_id))
    return self.keep(_png(imaging.canny.canny(photo, low=wanted.low, high=wanted.high)), owner)


@app.task(bind=True, base=UtilityTask)
def add_shadow_preview(
    self: UtilityTask, image_id: str, mask_id: str | None = None, *, owner: str = LOCAL_OWNER, **options: Any
) -> Made:
    """Preview an extracted object with a soft shadow (``ShadowOptions``)."""
    wanted = validated(ShadowOptions, options)
    extracted = imaging.codec.decode(self.open(image_id))
    mask = _mask(self, mask_id, extracted) if mask_id else None
    made = imaging.shadow.shadow_preview(
        extracted, mask, offset=wanted.offset, opacity=wanted.opacity, blur=wanted.blur
    )
    return self.keep(_png(made), owner)


def _mask(task: UtilityTask, mask_id: str, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    mask = imaging.masks.fit_mask(imaging.codec.decode_mask(task.open(mask_id)), *photo.shape[:2])
    imaging.masks.require_non_empty(mask)
    return mask


def _png(pixels: NDArray[np.uint8]) -> bytes:
    return imaging.codec.encode(pixels, Format.PNG)


def _written(pixels: NDArray[np.uint8], source: bytes, options: OutputOptions) -> bytes:
    return imaging.codec.encode(
        pixels,
        Format(options.format) if options.format else _as_it_came(source),
        quality=options.quality or imaging.codec.DEFAULT_QUALITY,
        metadata=imaging.codec.read_metadata(source) if options.keep_metadata else None,
    )


def _as_it_came(source: bytes) -> Format:
    came_as = probe(source).format
    return came_as if came_as in OUTPUT_FORMATS else Format.PNG
