"""The page of the HTTP API, made of the OpenAPI document: what a reader without a running gateway needs."""

from collections.abc import Mapping
from typing import Any

from api.app import build
from api.settings import GatewaySettings
from docs.markdown import prose, table
from tasks.keys import AccessMode

_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def document() -> dict[str, Any]:
    """Return the OpenAPI document of a gateway that asks for keys, so that each route names its scope."""
    return build(GatewaySettings(access=AccessMode.KEYS)).openapi()


def openapi() -> str:
    """Every route with its parameters, bodies and answers."""
    whole = document()
    parts = []
    for tag in whole["tags"]:
        parts.append(f"## {tag['name']}\n\n{tag['description']}")
        for path, methods in whole["paths"].items():
            parts += [
                _operation(f"{method.upper()} {path}", operation)
                for method, operation in methods.items()
                if tag["name"] in operation["tags"]
            ]
    named = whole["components"]["schemas"].items()
    parts.append("## Objects")
    parts += [f"### {name}\n\n{prose(schema.get('description'))}\n\n{_fields(schema)}" for name, schema in named]
    return "\n\n".join(parts)


def _operation(title: str, operation: Mapping[str, Any]) -> str:
    scopes = [scope for each in operation.get("security", ()) for scope in next(iter(each.values()))]
    parts = [f"### `{title}`", f"**{operation['summary']}.** {prose(operation.get('description'))}"]
    if scopes:
        parts.append(f"Scope of the key: `{scopes[0]}`.")
    if parameters := operation.get("parameters"):
        rows = [
            (f"`{each['name']}`", each["in"], _type(each["schema"]), prose(each.get("description")))
            for each in parameters
        ]
        parts.append(table(("parameter", "in", "type", "what it is"), rows))
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"Body `{media_type}`: {_type(body['schema'])}")
        parts.append(_fields(body["schema"]))
    answers = sorted(operation["responses"].items())
    told = [(status, _answer(answer), prose(answer["description"])) for status, answer in answers]
    parts.append(table(("status", "answer", "when"), told))
    return "\n\n".join(filter(None, parts))


def _answer(answer: Mapping[str, Any]) -> str:
    kinds = {media_type: _type(body.get("schema", {})) for media_type, body in answer.get("content", {}).items()}
    return ", ".join(f"`{media_type}` {kind}" for media_type, kind in kinds.items()) or "–"


def _fields(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (f"`{name}`{' (required)' if name in required else ''}", _type(each), prose(each.get("description")))
        for name, each in schema.get("properties", {}).items()
    ]
    return table(("field", "type", "what it is"), rows) if rows else ""


def _type(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"$ref": reference}:
            name = str(reference).rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": choices} | {"oneOf": choices}:
            return " or ".join(dict.fromkeys(_type(each) for each in choices if each.get("type") != "null"))
        case {"allOf": [only]}:
            return _type(only)
        case {"enum": values}:
            return ", ".join(f"`{each}`" for each in values)
        case {"const": value}:
            return f"`{value}`"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items)}"
        case {"type": kind}:
            bounds = [
                f"≥ {schema['minimum']}" if "minimum" in schema else "",
                f"≤ {schema['maximum']}" if "maximum" in schema else "",
            ]
            return " ".join(filter(None, (str(schema.get("format", kind)), *bounds)))
        case _:
            return "–"
