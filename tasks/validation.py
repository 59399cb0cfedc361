"""Fields from outside, checked by a pydantic model: the first flaw becomes an ``InputError``."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tasks.errors import ErrorCode, InputError

AnyModel = TypeVar("AnyModel", bound=BaseModel)

_CODES = frozenset(ErrorCode)

LONGEST_DETAIL = 500
"""Characters of a sentence that quotes what a stranger sent: it is kept in records and logs."""


def validated(model: type[AnyModel], fields: Mapping[str, Any]) -> AnyModel:
    """Return the model. Raises ``InputError`` with the code that the model gave, or parameter_invalid."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        code = first["type"] if first["type"] in _CODES else ErrorCode.PARAMETER_INVALID
        where = ".".join(map(str, first["loc"]))
        sentence = f"{where}: {first['msg']}" if where else first["msg"]
        raise InputError(code, sentence[:LONGEST_DETAIL]) from error
