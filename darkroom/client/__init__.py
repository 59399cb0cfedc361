"""Darkroom over HTTP: ``Client`` and ``AsyncClient``, their values and errors. Needs httpx and Pillow, no server."""

from darkroom.client.asynchronous import AsyncClient, AsyncJob
from darkroom.client.blocking import Client, Job
from darkroom.client.errors import (
    AccessError,
    ApiError,
    ConflictError,
    FieldError,
    InputError,
    LimitError,
    NotFoundError,
    ProcessingError,
    UnavailableError,
    UnreachableError,
)
from darkroom.client.images import ImageLike
from darkroom.client.pictures import Candidate, Edited, Health, ImageId, Picture, Service, SmartMask
from darkroom.client.status import Status

__all__ = [
    "AccessError",
    "ApiError",
    "AsyncClient",
    "AsyncJob",
    "Candidate",
    "Client",
    "ConflictError",
    "Edited",
    "FieldError",
    "Health",
    "ImageId",
    "ImageLike",
    "InputError",
    "Job",
    "LimitError",
    "NotFoundError",
    "Picture",
    "ProcessingError",
    "Service",
    "SmartMask",
    "Status",
    "UnavailableError",
    "UnreachableError",
]
