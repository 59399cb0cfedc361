"""Fields from outside, checked by a pydantic model: the first flaw becomes an ``InputError``."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tasks.errors import ErrorCode, InputError

AnyModel = TypeVar("AnyModel", bound=BaseModel)

_CODES = frozenset(ErrorCode)


def validated(model: type[AnyModel], fields: Mapping[str, Any]) -> AnyModel:
    """Return the model. Raises ``InputError`` with the code that the model gave, or parameter_invalid."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        code = first["type"] if first["type"] in _CODES else ErrorCode.PARAMETER_INVALID
        where = ".".join(map(str, first["loc"]))
        raise InputError(code, f"{where}: {first['msg']}" if where else first["msg"]) from error
