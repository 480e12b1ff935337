"""The values of an order in JSON, and the rules that they keep."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

_MONEY = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?", re.ASCII)


def _parse_money(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and _MONEY.fullmatch(value):
        return Decimal(value).quantize(Decimal("0.01"))
    raise PydanticCustomError("money", "must be a decimal string such as 12.50")


Money = Annotated[
    Decimal,
    BeforeValidator(_parse_money),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,2})?$", "maxLength": 12}),
]
Total = Annotated[
    Decimal,
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,17}\.[0-9]{2}$", "maxLength": 20}),
]
Reference = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", max_length=64)]
Quantity = Annotated[int, Field(ge=1, le=10_000)]
Currency = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    Field(max_length=3, description="ISO 4217 code"),
]
