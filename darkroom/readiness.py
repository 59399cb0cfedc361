"""Whether what `darkroom up` has started serves."""

from typing import TYPE_CHECKING, Any

import httpx

from worker_profiles.local import PROFILES

if TYPE_CHECKING:
    from darkroom.stack import StackSettings

ANSWER_SECONDS = 5.0


def client() -> httpx.AsyncClient:
    """Return what the services are asked with."""
    return httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS)


async def lacking(settings: "StackSettings", client: httpx.AsyncClient) -> list[str]:
    """Return a phrase for each service that does not serve yet."""
    return [*await _gateway_lacks(settings, client), *await _flower_lacks(settings, client)]


async def _gateway_lacks(settings: "StackSettings", client: httpx.AsyncClient) -> list[str]:
    try:
        answer = await client.get(f"{settings.gateway_url}/api/system/health")
        health = answer.json()
    except (httpx.HTTPError, ValueError):
        return ["the gateway does not answer"]
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        # It is up and lets nobody in without a key, us neither; how the workers are is in their lines.
        return []
    return ailing_services(answer.status_code, health, {profile.service for profile in PROFILES})


async def _flower_lacks(settings: "StackSettings", client: httpx.AsyncClient) -> list[str]:
    try:
        answer = await client.get(f"http://127.0.0.1:{settings.flower_port}/healthcheck")
    except httpx.HTTPError:
        return ["Flower does not answer"]
    return [] if answer.is_success else [f"Flower answers {answer.status_code}"]


def ailing_services(status_code: int, health: Any, wanted: set[Any]) -> list[str]:
    """Return a phrase for each service that system health does not call healthy.

    A pool that is asleep counts as ailing here: on one machine every pool has its worker.
    """
    if not isinstance(health, dict) or not isinstance(health.get("services"), dict):
        return [f"the gateway answers {status_code} to /api/system/health"]
    states = {name: health["services"].get(name, {}).get("status", "unknown") for name in sorted(wanted)}
    ailing = [f"{name} is {state}" for name, state in states.items() if state != "healthy"]
    if not ailing and health.get("status") != "healthy":
        return [f"the system is {health.get('status')}"]
    return ailing
