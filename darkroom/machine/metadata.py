"""The instance metadata service (IMDS, version 2 only): who this machine is, and what is going to happen to it.

Paths and the two headers are those of the EC2 user guide, "Use the Instance Metadata Service to access instance
metadata"; the target lifecycle state is the autoscaling guide's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

TOKEN_SECONDS = 21_600
"""The longest that the service grants; a token that it no longer takes is asked for anew."""
_ANSWER_SECONDS = 2.0
"""It answers from the host in milliseconds."""


class MetadataUnavailable(Exception):  # noqa: N818 - a state of the service, as in tasks.errors
    """The service does not answer, or not as it should: not on EC2, or too many hops away from a container."""


@dataclass(frozen=True, slots=True)
class Notices:
    """What is going to happen to this machine."""

    target: str | None
    """Target lifecycle state; None where no group has told one."""
    spot: str | None
    """The Spot interruption as it was announced, JSON with action and time; None if there is none."""
    rebalance: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this machine is."""

    instance_id: str
    region: str


class Metadata:
    """A client of the service. One request for a token, which every other request carries."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """Take a client whose base is the service's address."""
        self._client = client
        self._token: str | None = None

    async def identity(self) -> Identity:
        """Return who this machine is. Raises ``MetadataUnavailable``."""
        instance_id = await self.get("meta-data/instance-id")
        region = await self.get("meta-data/placement/region")
        if not (instance_id and region):
            raise MetadataUnavailable("it knows neither an instance nor a region")
        return Identity(instance_id, region)

    async def notices(self) -> Notices:
        """Return what is announced now. Raises ``MetadataUnavailable``."""
        await self._require_token()  # once, and not for each of the three
        target, spot, rebalance = await asyncio.gather(
            self.get("meta-data/autoscaling/target-lifecycle-state"),
            self.get("meta-data/spot/instance-action"),
            self.get("meta-data/events/recommendations/rebalance"),
        )
        return Notices(target.strip() if target else None, spot, rebalance is not None)

    async def get(self, path: str) -> str | None:
        """Return the text at a path, None if there is none. Raises ``MetadataUnavailable``."""
        token = await self._require_token()
        answer = await self._send("GET", path, {"X-aws-ec2-metadata-token": token})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._token = None
            token = await self._require_token()
            answer = await self._send("GET", path, {"X-aws-ec2-metadata-token": token})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return _checked(answer)

    async def _require_token(self) -> str:
        if self._token is None:
            lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
            self._token = _checked(await self._send("PUT", "api/token", lifetime))
        return self._token

    async def _send(self, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
        try:
            return await self._client.request(method, f"/latest/{path}", headers=headers)
        except httpx.HTTPError as error:
            raise MetadataUnavailable(str(error) or type(error).__name__) from error


def _checked(answer: httpx.Response) -> str:
    if not answer.is_success:
        raise MetadataUnavailable(f"{answer.request.url.path} is answered with {answer.status_code}")
    return answer.text


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Metadata]:
    """Open a client of the service; proxies of the environment are not asked, as the address is of this machine."""
    async with httpx.AsyncClient(base_url=url, timeout=_ANSWER_SECONDS, trust_env=False) as client:
        yield Metadata(client)
