"""Input that may be left out."""

from typing import Annotated, Any, TypeVar

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

_Value = TypeVar("_Value")


class _NotNull:
    """Describes an optional value by what it is when it is there."""

    def __get_pydantic_json_schema__(
        self, schema: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        while schema["type"] != "nullable":
            schema = schema["schema"]
        return handler(schema["schema"])


Omittable = Annotated[_Value | None, _NotNull()]
"""A field, parameter or header with the default None, which the OpenAPI document does not offer.

Constraints belong inside: `Omittable[Annotated[str, Field(max_length=9)]]`. Faults then name the
field alone, where those of a union name each of its parts.
"""
