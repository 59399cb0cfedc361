"""The OpenAPI document tells what the gateway answers."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.app import build
from api.problems import EXAMPLES, STATUS_OF_CODE, problem_of, responses, status_of
from api.routes.image_utils import UTILITIES
from api.schemas import GenerateRequest
from api.settings import GatewaySettings
from tasks.errors import ErrorCode, error_of
from tasks.jobs import Edit

DOCUMENT: dict[str, Any] = build(GatewaySettings()).openapi()
ROUTES = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
PROMISED = {
    "GET /api/health",
    "GET /api/health/live",
    "GET /api/health/ready",
    "GET /api/system/health",
    "POST /api/generate",
    "POST /api/generate/async",
    "GET /api/generate/status/{job_id}",
    "GET /api/generate/result/{job_id}",
    "GET /api/generate/result-image/{job_id}",
    "GET /api/generate/stream/{job_id}",
    "POST /api/generate/async/cancel/{job_id}",
    "DELETE /api/generate/{job_id}",
    "POST /api/smart-mask",
    "POST /api/smart-mask/detect",
    "POST /api/smart-mask/cancel/{request_id}",
    "GET /api/webhooks/secret",
    "POST /api/webhooks/secret/rotate",
    "POST /api/tokens",
    "POST /api/images",
    "GET /api/images/{image_id}",
    "POST /v1/images/generations",
    "POST /v1/images/edits",
    "GET /v1/models",
    "GET /v1/models/{model}",
    *(f"POST /api/image-utils{utility.path}" for utility in UTILITIES),
}


def test_every_promised_route_is_there() -> None:
    """The document has the routes of the design and no other."""
    assert set(ROUTES) == PROMISED


@pytest.mark.parametrize("route", sorted(PROMISED))
def test_every_route_is_documented(route: str) -> None:
    """Summary, description, tag, a stable id, an example of what goes in and out, and its problems."""
    operation = ROUTES[route]
    assert operation["summary"]
    assert len(operation["description"]) > 20
    assert len(operation["tags"]) == 1
    assert operation["operationId"].islower()
    if route.startswith("POST") and not any(word in route for word in ("cancel", "rotate")):
        body = operation["requestBody"]["content"]
        assert body["application/json"]["example"]
        assert body["application/json"]["schema"]["properties"]
        assert "multipart/form-data" in body
    success = next(answer for status, answer in operation["responses"].items() if status.startswith("20"))
    assert list(_examples(success)) or "image/png" in success["content"], "no example of an answer"


@pytest.mark.parametrize("route", sorted(PROMISED))
def test_every_problem_is_declared_with_its_example(route: str) -> None:
    """Each error response is a problem document whose examples have that status; FastAPI's own 422 is gone."""
    for status, answer in ROUTES[route]["responses"].items():
        if int(status) < 400:
            continue
        if " /v1/" in route:
            _check_openai_errors(answer["content"])
            continue
        assert set(answer["content"]) == {"application/problem+json"}
        told = answer["content"]["application/problem+json"]
        assert told["schema"]["$ref"].endswith("/Problem")
        assert told["examples"]
        for code, example in told["examples"].items():
            assert (example["value"]["code"], example["value"]["status"]) == (code, int(status))
    assert "500" in ROUTES[route]["responses"]


def _check_openai_errors(content: dict[str, Any]) -> None:
    """Errors of that API have a shape of their own."""
    ((media_type, told),) = content.items()
    assert media_type == "application/json"
    assert told["schema"]["$ref"].endswith("/ErrorBody")
    assert told["examples"]
    assert all(code == example["value"]["error"]["code"] for code, example in told["examples"].items())


def test_the_words_beside_a_field_are_in_the_document() -> None:
    """What a field's docstring says, a reader of the document learns too."""
    body = ROUTES["POST /api/generate"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert "true_cfg_scale" in body["guidance_scale"]["description"]
    status = DOCUMENT["components"]["schemas"]["JobStatus"]["properties"]
    assert "preview_every" in status["preview_image_id"]["description"]


def test_answers_say_which_fields_are_always_there() -> None:
    """A reader need not ask for what is always sent; what an answer leaves out is never null."""
    schemas = DOCUMENT["components"]["schemas"]
    status, result = schemas["JobStatus"], schemas["Result"]
    assert set(status["required"]) == set(status["properties"])
    assert {"type": "null"} in status["properties"]["queue_position"]["anyOf"]
    assert set(result["properties"]) - set(result["required"]) == {"debug_info"}
    assert result["properties"]["debug_info"]["type"] == "object"
    assert "seed" in schemas["Parameters"]["properties"]
    assert schemas["WorkerHealth"]["properties"]["state"]["$ref"].endswith("/WorkerState")


def test_a_form_takes_files_or_texts_and_no_null() -> None:
    """Each image of a form is a file or names one; no field of a form can be null, as no form can say that."""
    for route, operation in ROUTES.items():
        content = operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" not in content:
            continue
        form, asked = content["multipart/form-data"]["schema"], content["application/json"]["schema"]
        assert form.get("required") == asked.get("required"), route
        for name, field in form["properties"].items():
            assert {"type": "null"} not in field.get("anyOf", ()), (route, name)
            assert field.get("default", "") is not None, (route, name)
    edit = ROUTES["POST /api/generate/async"]["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert [each.get("format") for each in edit["mask"]["anyOf"]] == ["binary", None]
    assert edit["seed"]["type"] == "integer"


def test_the_stream_says_what_its_events_hold() -> None:
    """The data of each event is a status object."""
    content = ROUTES["GET /api/generate/stream/{job_id}"]["responses"]["200"]["content"]["text/event-stream"]
    assert content["itemSchema"]["properties"]["data"]["contentSchema"]["$ref"].endswith("/JobStatus")


def test_operation_ids_are_unique() -> None:
    """Generated clients get one function for each route."""
    ids = [operation["operationId"] for operation in ROUTES.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_has_a_status(code: ErrorCode) -> None:
    """No code is rendered as another kind's status by accident; each example is in the table under its own code."""
    error = error_of(code, "A sentence.")
    assert 400 <= status_of(error) < 600
    assert problem_of(error, "/x").code == code
    if code in STATUS_OF_CODE:
        assert status_of(error) == STATUS_OF_CODE[code]
    if code in EXAMPLES:
        assert status_of(error) in responses(code)


def test_the_request_s_limits_are_the_edit_s() -> None:
    """What the document says of a parameter is what the edit accepts: they cannot drift apart."""
    request, edit = GenerateRequest.model_fields, Edit.model_fields
    shared = set(request) & set(edit)
    assert len(shared) >= 17
    for name in shared:
        assert _limits(request[name]) == _limits(edit[name]), name


def _limits(field: Any) -> list[str]:
    """Bounds of a field, with those inside an Optional's Annotated."""
    found = [*field.metadata]
    for argument in getattr(field.annotation, "__args__", ()):
        for each in getattr(argument, "__metadata__", ()):
            found += getattr(each, "metadata", [each])
    return sorted(map(repr, found))


def _examples(answer: dict[str, Any]) -> Iterator[Any]:
    for content in answer.get("content", {}).values():
        reference = content.get("schema", {}).get("$ref", "")
        schema = DOCUMENT["components"]["schemas"].get(reference.rpartition("/")[2], {})
        yield from filter(None, (content.get("example"), schema.get("example")))


def test_the_documentation_page_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    """/docs works without a network: every script and style that it names is the gateway's own."""
    page = client.get("/docs").text
    assert "//" not in re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL).replace("window.location.protocol + '//'", "")
    for own in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert client.get(own).status_code == 200
