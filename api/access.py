"""Who asks, told by a key in a header or a signed token in the query, and whether they ask too much."""

import time
from dataclasses import dataclass
from urllib.parse import urlencode

from redis.exceptions import OutOfMemoryError
from starlette.requests import Request

from api import tokens
from api.keyring import KeyRing
from api.rates import Rates, Standing, Traffic
from api.tokens import Grant
from tasks.errors import AccessError, ErrorCode
from tasks.keys import AccessMode, ApiKey, Scope, SentKey
from tasks.store import LOCAL_OWNER

KEY_HEADER = "X-API-Key"
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is."""

    owner: str
    scope: Scope
    key_id: str | None
    """None where no keys are asked for."""

    def require(self, scope: Scope) -> None:
        """Raise ``AccessError`` (scope_missing) unless the caller may do what asks for this scope."""
        if not self.scope.includes(scope):
            raise AccessError(
                ErrorCode.SCOPE_MISSING, f"This API key has the scope {self.scope}; this needs a key with {scope}."
            )


ANYBODY = Caller(LOCAL_OWNER, Scope.ADMIN, None)
"""Everybody on this machine, while no keys are asked for."""


class Access:
    """Identifies callers and counts what they ask for."""

    def __init__(self, mode: AccessMode, ring: KeyRing, rates: Rates) -> None:
        """Nothing is read yet."""
        self._mode = mode
        self._ring = ring
        self._rates = rates

    @property
    def asks_for_keys(self) -> bool:
        """Whether a request needs a key."""
        return self._mode is AccessMode.KEYS

    async def identify(self, request: Request, *, by_token: bool = False, in_outage: bool = False) -> Caller:
        """Return whose request it is; ``by_token`` says that a token in the query will do.

        With ``in_outage`` a key that was known before the broker went away is believed until it is back.

        Raises ``AccessError`` (key_missing, key_invalid, token_invalid), or ``UnavailableError`` (broker_unavailable)
        where only the broker could tell.
        """
        if not self.asks_for_keys:
            return ANYBODY
        sent = _sent_key(request)
        if sent is not None:
            return await self._of_key(sent, in_outage=in_outage)
        token = request.query_params.get(tokens.PARAMETER)
        if by_token and token is not None:
            return await self._of_token(request.url.path, token)
        raise AccessError(
            ErrorCode.KEY_MISSING, f"Send your API key as Authorization: Bearer dk_…, or as {KEY_HEADER}: dk_…."
        )

    async def count(self, caller: Caller, traffic: Traffic, cost: int = 1) -> Standing | None:
        """Count a request for so many; return how its key stands, None where nothing is. Raises ``RedisError``.

        A broker that is full can count nothing more. Reads and cancels then pass uncounted: they are what empties it.
        """
        if caller.key_id is None:
            return None
        try:
            return await self._rates.count(caller.key_id, traffic, cost)
        except OutOfMemoryError:
            if traffic is not Traffic.READS:
                raise
            return None

    async def sign(self, caller: Caller, path: str, seconds: int) -> tuple[str, Grant]:
        """Return a token that reads a path for so many seconds. Raises ``UnavailableError`` (broker_unavailable)."""
        grant = Grant(caller.key_id or LOCAL_OWNER, int(time.time()) + seconds)
        return tokens.sign(await self._ring.secret(), path, grant), grant

    async def _of_key(self, text: str, *, in_outage: bool) -> Caller:
        sent = SentKey.parse(text)
        key = await self._ring.find(sent.id, in_outage=in_outage) if sent else None
        if sent is None or key is None or not key.is_opened_by(sent.secret):
            raise AccessError(
                ErrorCode.KEY_INVALID, "This API key is not known, or was revoked; `darkroom keys create` makes one."
            )
        return _caller(key, key.scope)

    async def _of_token(self, path: str, token: str) -> Caller:
        grant = tokens.read(await self._ring.secret(), path, token)
        key = await self._ring.find(grant.key_id) if grant else None
        if key is None:
            raise AccessError(
                ErrorCode.TOKEN_INVALID,
                "The token has expired, or is for another address; ask for a new one at /api/tokens.",
            )
        return _caller(key, Scope.READ)


def address(path: str, token: str) -> str:
    """Return a path with a token in its query."""
    return f"{path}?{urlencode({tokens.PARAMETER: token})}"


def _caller(key: ApiKey, scope: Scope) -> Caller:
    return Caller(key.owner, scope, key.id)


def _sent_key(request: Request) -> str | None:
    own = request.headers.get(KEY_HEADER)
    if own is not None:
        return own.strip()
    authorization = request.headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return None
