"""Edits one photo through a running Darkroom, with the client that everybody else has too."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from darkroom.client import ApiError, AsyncClient, Status, UnreachableError as NoAnswerError
from darkroom.client.parameters import EditParameters, Format
from darkroom.errors import CommandError, UnreachableError, UsageError
from tasks.jobs import Operation

FORMATS: Mapping[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
"""Format of the result by the suffix of the file to write."""

_REFUSALS = frozenset({400, 401, 403, 413, 415, 422})
"""Status codes with which the gateway says that the request, or its key, has to change."""

Report = Callable[[Status], None]


@dataclass(frozen=True, slots=True)
class Order:
    """An edit as the command line asks for it. Paths name image files."""

    operation: Operation
    photo: Path | None = None
    mask: Path | None = None
    reference: Path | None = None
    reference_mask: Path | None = None
    prompt: str | None = None
    seed: int | None = None


def format_of(out: Path) -> Format:
    """Return the format that the suffix of the file to write asks for. Raises ``UsageError``."""
    try:
        return FORMATS[out.suffix.lower()]
    except KeyError:
        raise UsageError(f"{out.name}: the result can be written as {', '.join(FORMATS)}.") from None


def connect(url: str, key: str | None = None) -> AsyncClient:
    """Return a client of the gateway at this address, with the API key if it asks for one. Raises ``UsageError``."""
    try:
        return AsyncClient(url, key)
    except ValueError as error:
        raise UsageError(str(error)) from error


async def edit(client: AsyncClient, order: Order, wanted: Format, report: Report) -> bytes:
    """Carry out an edit and return the result's bytes; a cancel of this coroutine cancels the job.

    Raises ``UsageError`` when the gateway refuses the request, ``CommandError`` when the edit fails and
    ``UnreachableError`` when there is no gateway.
    """
    parameters: EditParameters = {}
    if order.prompt is not None:
        parameters["prompt"] = order.prompt
    if order.seed is not None:
        parameters["seed"] = order.seed
    with _told_to_people(client):
        edited = await client.edit(
            order.operation.value,
            photo=order.photo,
            mask=order.mask,
            reference=order.reference,
            reference_mask=order.reference_mask,
            on_progress=report,
            **parameters,
        )
        if wanted == "png":
            return edited.data
        return (await client.utilities.encode(edited, format=wanted)).data


@contextlib.contextmanager
def _told_to_people(client: AsyncClient) -> Iterator[None]:
    try:
        yield
    except NoAnswerError as error:
        raise UnreachableError(
            f"Cannot reach Darkroom at {client.url} ({error.__cause__ or 'no answer'}). "
            "Start it with `make up`, or name another address with --url."
        ) from error
    except ApiError as error:
        raise (UsageError if error.status in _REFUSALS else CommandError)(error.detail) from error
