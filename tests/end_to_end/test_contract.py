"""The OpenAPI document and the gateway agree: requests are made from the document, sound ones and unsound ones.

``CONTRACT_EXAMPLES=200 pytest tests/end_to_end/test_contract.py`` looks longer.
"""

import base64
import os
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import build
from api.settings import GatewaySettings
from tests.imaging.pictures import disc, gradient, save

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "8"))
"""Of each route, beside the document's own examples and those at the limits of each field."""

PHOTO, MASK = save(gradient(), "PNG"), save(disc(48, 64, 10), "PNG")
PICTURES = {
    **dict.fromkeys(("image", "input_image", "reference_image", "extracted_image"), PHOTO),
    **dict.fromkeys(("mask", "reference_mask", "reference_mask_R"), MASK),
}

SCHEMA = schemathesis.openapi.from_dict(
    build(GatewaySettings()).openapi(),
    config=schemathesis.Config.from_dict({"seed": 1, "generation": {"deterministic": True, "mode": "all"}}),
)

EXCLUDED = [
    # Whether a request is sound depends on its pictures too (their sizes, what a mask marks), which no schema says.
    positive_data_acceptance,
]


@SCHEMA.hook
def map_body(_: Any, body: Any) -> Any:
    """Put real pictures where the document has texts or bytes, so that requests get to the workers."""
    if isinstance(body, bytes):
        return PHOTO
    if not isinstance(body, dict):
        return body
    return {name: _with_picture(name, value) for name, value in body.items()}


def _with_picture(name: str, value: Any) -> Any:
    if name == "conditional_images" and isinstance(value, list):
        return [_with_picture("mask", each) for each in value]
    picture = PICTURES.get(name)
    if picture is None or not isinstance(value, str | bytes):
        return value
    return picture if isinstance(value, bytes) else base64.b64encode(picture).decode()


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_gateway_does_what_its_document_says(case: schemathesis.Case, gateway: str) -> None:
    """Statuses, headers, media types and bodies are as documented; what the document forbids is refused; no 5xx."""
    case.call_and_validate(base_url=gateway, timeout=60, excluded_checks=EXCLUDED)
