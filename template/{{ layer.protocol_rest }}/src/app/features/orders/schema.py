"""Orders as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from app.features.orders.fields import Currency, Money, Quantity, Reference, Sku, Total
from app.features.orders.model import Order, OrderChanges, OrderDraft, OrderLine, OrderStatus
from app.transport.optional import Omittable
from app.transport.pagination import PageQuery, PaginationOut


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class OrderLineBody(_Input):
    """One line of an order: `unit_price` is in the order's currency."""

    sku: Sku
    quantity: Quantity
    unit_price: Money

    def to_model(self) -> OrderLine:
        return OrderLine(self.sku, self.quantity, self.unit_price)


Lines = Annotated[list[OrderLineBody], Field(min_length=1, max_length=100)]


class CreateOrder(_Input):
    """A new order; the server computes the total."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "customer_reference": "PO-1042",
                    "currency": "EUR",
                    "lines": [{"sku": "TEA-100", "quantity": 2, "unit_price": "12.50"}],
                }
            ]
        }
    )

    customer_reference: Reference
    currency: Currency
    lines: Lines

    def to_model(self) -> OrderDraft:
        return OrderDraft(self.customer_reference, self.currency, _lines(self.lines))


class PatchOrder(_Input):
    """A JSON merge patch (RFC 7396): a field left out stays, `lines` is replaced as a whole."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"customer_reference": "PO-1043"}]}, extra="forbid"
    )

    customer_reference: Omittable[Reference] = None
    lines: Omittable[Lines] = None

    @field_validator("*", mode="before")
    @classmethod
    def _not_removed(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("required", "cannot be removed")
        return value

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_patch", "must change at least one field")
        return self

    def to_model(self) -> OrderChanges:
        lines = None if self.lines is None else _lines(self.lines)
        return OrderChanges(customer_reference=self.customer_reference, lines=lines)


def _lines(lines: Sequence[OrderLineBody]) -> tuple[OrderLine, ...]:
    return tuple(line.to_model() for line in lines)


class _Output(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class OrderLineOut(_Output):
    sku: Sku
    quantity: Quantity
    unit_price: Total


class OrderOut(_Output):
    """An order. Money is a decimal string, times are RFC 3339 in UTC."""

    id: UUID
    customer_reference: Reference
    status: OrderStatus
    currency: Currency
    lines: Annotated[list[OrderLineOut], Field(max_length=100)]
    total: Total
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls.model_validate(order)


class OrderListOut(BaseModel):
    data: Annotated[list[OrderOut], Field(max_length=100)]
    pagination: PaginationOut


class OrderListQuery(PageQuery):
    """Which orders to list, and in which order."""

    status: Omittable[OrderStatus] = None
    sort: Literal["created_at", "-created_at"] = "-created_at"
