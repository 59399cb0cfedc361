"""What the document says of an answer's fields: a default is for who builds the answer, not for who reads it."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Answer(BaseModel, use_attribute_docstrings=True):
    """An answer in which every field is always there; one that has nothing to say is null."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class SparseAnswer(Answer):
    """An answer that leaves out what is None, as ``exclude_none`` writes it: no field is ever null."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe a field that may be None as one that may be absent."""
        schema = handler(core)
        _leave_out_nulls(handler.resolve_ref_schema(schema))
        return schema


@dataclass(frozen=True, slots=True)
class DescribedAs:
    """Annotation of a value that is written as a model would be, and passed on without being checked against it."""

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Have the model in the document, and neither read nor write by it."""
        return core_schema.no_info_wrap_validator_function(
            lambda value, _: value,
            handler.generate_schema(self.model),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value),
        )


def _leave_out_nulls(schema: dict[str, Any]) -> None:
    properties: dict[str, Any] = schema["properties"]
    nullable = {name for name, each in properties.items() if {"type": "null"} in each.get("anyOf", ())}
    schema["properties"] = {name: without_null(each) if name in nullable else each for name, each in properties.items()}
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if name not in nullable]


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a property's JSON schema for where null cannot be sent, such as in a form."""
    if {"type": "null"} not in schema.get("anyOf", ()):
        return schema
    options = [each for each in schema["anyOf"] if each != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    return {**rest, "anyOf": options} if len(options) > 1 else {**options[0], **rest}
