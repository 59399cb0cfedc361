"""The OpenAPI document: what FastAPI cannot see from the routes, as their bodies are read by ``api.inputs``."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api import tokens
from api.access import KEY_HEADER
from api.answers import without_null
from api.openai.documentation import responses as openai_responses
from api.openai.errors import is_asked
from api.permissions import Permission, permissions
from api.problems import responses
from tasks.errors import ErrorCode
from tasks.keys import AccessMode

ABOUT: dict[str, Any] = {
    "title": "Darkroom",
    "version": "0.1.0",
    "summary": "Edit photos: mask, remove and insert objects, correct the white balance, generate images.",
    "description": (
        "Images are sent as base64, as data URLs, as files of a form, or once to `/api/images` and by id after that. "
        "Every error is an RFC 9457 problem document with a stable `code`. Where the gateway asks for API keys, each "
        "request brings one; the security requirement of an operation names the scope that the key needs."
    ),
    "openapi_tags": [
        {"name": "generate", "description": "Edits: jobs with a state, events and a result."},
        {"name": "smart-mask", "description": "A click on a photo gives the mask of what was clicked."},
        {"name": "images", "description": "Upload once, refer by id."},
        {"name": "image-utils", "description": "Quick utilities that answer with their picture."},
        {"name": "webhooks", "description": "Signed messages to your server when a job has ended."},
        {"name": "access", "description": "Addresses for who cannot send a key."},
        {"name": "openai", "description": "OpenAI's images API over the same jobs, with its own shape of errors."},
        {"name": "health", "description": "How Darkroom is."},
    ],
}

SECURITY_SCHEMES: Mapping[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer dk_…`"},
    "header": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": "The same key, on its own."},
    "token": {
        "type": "apiKey",
        "in": "query",
        "name": tokens.PARAMETER,
        "description": "A signed token for this one address, from `POST /api/tokens`.",
    },
}
_OF_KEYS = (
    ErrorCode.KEY_MISSING,
    ErrorCode.KEY_INVALID,
    ErrorCode.SCOPE_MISSING,
    ErrorCode.RATE_LIMITED,
    ErrorCode.BROKER_UNAVAILABLE,
)
Declare = Callable[..., dict[int | str, dict[str, Any]]]
"""``problems.responses``, or what declares errors in another shape."""

BINARY = {"type": "string", "format": "binary"}
FILE = {"anyOf": [BINARY, {"type": "string", "description": "The id of an uploaded image, base64 or a data URL."}]}
"""An image in a form."""
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp")


def request_body(schema: dict[str, Any], *, files: tuple[str, ...], raw: bool = False) -> dict[str, Any]:
    """Declare the body of a route that reads it itself: JSON, a form with these files, or an image."""
    example = schema.get("example", {})
    described = {name: value for name, value in schema.items() if name != "example"}
    fields = {name: without_null(value) for name, value in described["properties"].items()}
    form = {"type": "object", "properties": {**fields, **dict.fromkeys(files, FILE)}}
    if "required" in described:
        form["required"] = described["required"]
    content: dict[str, Any] = {
        "application/json": {"schema": described, "example": example},
        "multipart/form-data": {"schema": form},
    }
    if raw:
        content |= {media_type: {"schema": BINARY} for media_type in IMAGE_TYPES}
    return {"requestBody": {"required": True, "content": content}}


def query_parameters(schema: dict[str, Any], hint: str, without: Collection[str] = ()) -> dict[str, Any]:
    """Declare a schema's properties as parameters of the query, all of them optional."""
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "description": hint, "schema": without_null(value)}
            for name, value in schema["properties"].items()
            if name not in without
        ]
    }


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's JSON schema without references: definitions are small enums here."""
    return inline(model.model_json_schema())


def inline(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON schema with its definitions put where they are referred to."""
    definitions = schema.get("$defs", {})

    def resolved(node: Any) -> Any:
        match node:
            case {"$ref": str(name), **others}:
                return {**resolved(definitions[name.rpartition("/")[2]]), **resolved(others)}
            case dict():
                return {key: resolved(value) for key, value in node.items() if key != "$defs"}
            case list():
                return [resolved(each) for each in node]
            case _:
                return node

    result: dict[str, Any] = resolved(schema)
    return result


def image_response(
    description: str, media_types: Sequence[str] = IMAGE_TYPES, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Declare a response that is an image, with descriptions of its headers."""
    return {
        "description": description,
        "content": {each: {"schema": BINARY} for each in media_types},
        "headers": {
            name: {"description": text, "schema": {"type": "string"}} for name, text in (headers or {}).items()
        },
    }


def event_stream(description: str, event: type[BaseModel], example: str) -> dict[str, Any]:
    """Declare a response of server-sent events, the data of each of which is such a model as JSON.

    The words are those of OpenAPI 3.2 (``itemSchema``), which FastAPI writes for its own streams too.
    """
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": f"#/components/schemas/{event.__name__}"},
    }
    fields = {"data": data, "id": {"type": "string"}, "retry": {"type": "integer", "minimum": 0}}
    item = {"type": "object", "properties": fields, "required": ["data"]}
    content = {"schema": {"type": "string"}, "itemSchema": item, "example": example}
    return {"description": description, "content": {"text/event-stream": content}}


def install(app: FastAPI, mode: AccessMode) -> None:
    """Have the app serve a document that tells what it really answers, and to whom."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, mode)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it


def _document(app: FastAPI, mode: AccessMode) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    for path in document["paths"].values():
        for operation in path.values():
            _correct(operation["responses"])
    for context, permission in permissions(app.routes):
        operations = document["paths"].get(context.path_format, {})
        for method in context.methods or ():
            if method.lower() in operations:
                declare = openai_responses if is_asked(str(context.path_format)) else responses
                _declare_access(operations[method.lower()], method, permission, mode, declare)
    document["components"]["securitySchemes"] = dict(SECURITY_SCHEMES)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


def _declare_access(
    operation: dict[str, Any], method: str, permission: Permission | None, mode: AccessMode, declare: Declare
) -> None:
    """Say which key an operation needs, and every way in which it can turn a caller away."""
    codes = [ErrorCode.HOST_REFUSED]
    if method != "GET":
        codes.append(ErrorCode.ORIGIN_REFUSED)
    if "requestBody" in operation:
        codes.append(ErrorCode.REQUEST_TIMEOUT)
    if permission is not None:
        codes += _OF_KEYS
        if permission.by_token:
            codes.append(ErrorCode.TOKEN_INVALID)
        ways = ("bearer", "header", *(("token",) if permission.by_token else ()))
        optional: list[dict[str, list[str]]] = [{}] if mode is AccessMode.OPEN else []
        operation["security"] = [*optional, *({way: [str(permission.scope)]} for way in ways)]
    _add_errors(operation["responses"], declare(*codes))


def _add_errors(declared: dict[str, Any], more: Mapping[int | str, dict[str, Any]]) -> None:
    for status, answer in more.items():
        ((media_type, content),) = answer["content"].items()
        reference = {"$ref": f"#/components/schemas/{answer['model'].__name__}"}
        there = declared.setdefault(
            str(status), {"description": "", "content": {media_type: {"schema": reference, "examples": {}}}}
        )
        examples = there["content"][media_type]["examples"]
        new = {code: example for code, example in content["examples"].items() if code not in examples}
        examples |= new
        named = ", ".join(f"`{code}`" for code in new)
        there["description"] = ", ".join(filter(None, (there["description"], named)))


def _correct(responses: dict[str, Any]) -> None:
    """Drop FastAPI's own 422, and its JSON beside our problem documents."""
    for status in list(responses):
        content = responses[status].get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if schema.get("$ref", "").endswith("/HTTPValidationError"):
            del responses[status]
        elif "application/problem+json" in content and schema:
            content["application/problem+json"]["schema"] = schema
            del content["application/json"]
