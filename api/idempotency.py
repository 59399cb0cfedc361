"""``Idempotency-Key``: a client that repeats a request under the same key gets the same job, not a second one.

The header is that of draft-ietf-httpapi-idempotency-key-header-07, with or without its quotes. Keys belong to their
owner and live for a day. What counts as the same request is what it means, its images by their content: so a retry may
come as a form where the first one was JSON.
"""

import hashlib
import json
import re
from typing import Annotated

from fastapi import Depends, Header

from api.gateway import Gateway
from api.problems import IDEMPOTENCY_HEADER
from tasks import ledger
from tasks.errors import ErrorCode, InputError
from tasks.idempotency import Idempotency, conflict

_KEY = re.compile(r'("?)([\x21\x23-\x7e]{1,255})\1')
_DESCRIPTION = (
    "A name of your own for this request, such as a UUID. Sent again with it within a day, the same request makes no "
    "second job; another request under it is refused."
)
_EXAMPLE = "8e03978e-40d5-43dd-bc93-6894a57f9324"


async def idempotency_key(
    given: Annotated[
        str | None, Header(alias=IDEMPOTENCY_HEADER, description=_DESCRIPTION, examples=[_EXAMPLE])
    ] = None,
) -> str | None:
    """Return the client's key, if it sent one. Raises ``InputError`` (idempotency_key_invalid)."""
    if given is None:
        return None
    key = _KEY.fullmatch(given.strip())
    if key is None:
        raise InputError(
            ErrorCode.IDEMPOTENCY_KEY_INVALID,
            f"{IDEMPOTENCY_HEADER}: send 1 to 255 visible ASCII characters without quotes.",
        )
    return key[2]


IdempotencyDep = Annotated[str | None, Depends(idempotency_key)]


def promise(key: str | None, owner: str, *meaning: object) -> Idempotency | None:
    """Return what a key stands for; ``meaning`` is JSON of all that makes up the request. None without a key."""
    if key is None:
        return None
    text = json.dumps(meaning, sort_keys=True)
    return Idempotency(owner, key, hashlib.sha256(text.encode()).hexdigest())


async def is_known(gateway: Gateway, promised: Idempotency | None) -> bool:
    """Whether a job came of this request before. Raises ``ConflictError`` (idempotency_conflict)."""
    known = await gateway.ledger.apply(ledger.recall(promised)) if promised else None
    if promised and known and known.digest != promised.digest:
        raise conflict()
    return known is not None


async def remember(gateway: Gateway, promised: Idempotency | None) -> None:
    """Bind a key to a request that makes no job: sent again, it is carried out again, with the same outcome.

    Raises ``ConflictError`` (idempotency_conflict).
    """
    known = await gateway.ledger.apply(ledger.remember(promised)) if promised else None
    if promised and known and known.digest != promised.digest:
        raise conflict()
