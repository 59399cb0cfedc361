"""The errors of this API in the OpenAPI document."""

from typing import Any

from api import problems
from api.openai.errors import MEDIA_TYPE, ErrorBody, body_of, status_of
from api.problems import EXAMPLES
from tasks.errors import ErrorCode, error_of


def responses(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """Declare the errors of a route, with an example of each code: ``problems.responses`` in this API's shape."""
    declared: dict[int | str, dict[str, Any]] = {}
    for code in (*codes, ErrorCode.INTERNAL):
        error = error_of(code, EXAMPLES[code])
        entry = declared.setdefault(
            status_of(problems.status_of(error)),
            {"model": ErrorBody, "description": "", "content": {MEDIA_TYPE: {"examples": {}}}},
        )
        entry["description"] = f"{entry['description']}, `{code}`".removeprefix(", ")
        value = body_of(error).model_dump(mode="json")
        entry["content"][MEDIA_TYPE]["examples"][str(code)] = {
            "summary": problems.title_of(code),
            "value": value,
        }
    return declared
