"""Orders in GraphQL."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Self

import strawberry
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.auth.graphql import Owner
from app.features.orders import model
from app.features.orders.fields import Currency, Money, Quantity, Reference, Sku
from app.features.orders.model import OrderStatus
from app.features.orders.service import OrderPage
from app.transport.graphql.access import resolved
from app.transport.graphql.context import Info
from app.transport.graphql.limits import ListSize

_MOST_LINES = 100

OrderStatusEnum = strawberry.enum(
    OrderStatus,
    description="DRAFT, then PLACED, then SHIPPED; a draft or placed order may be CANCELLED",
)


@strawberry.enum(description="In which order a list is")
class OrderSort(Enum):
    CREATED_AT_ASC = "created_at"
    CREATED_AT_DESC = "-created_at"


class _Input(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True
    )


@strawberry.pydantic.input(description="One line of an order; the price is in its currency")
class OrderLineInput(_Input):
    sku: Sku
    quantity: Quantity
    unit_price: Money

    def to_model(self) -> model.OrderLine:
        return model.OrderLine(self.sku, self.quantity, self.unit_price)


Lines = Annotated[list[OrderLineInput], Field(min_length=1, max_length=_MOST_LINES)]


@strawberry.pydantic.input(description="A new order; the server computes the total")
class CreateOrderInput(_Input):
    customer_reference: Reference
    currency: Currency
    lines: Lines

    def to_model(self) -> model.OrderDraft:
        return model.OrderDraft(self.customer_reference, self.currency, _lines(self.lines))


@strawberry.pydantic.input(
    description="A change: a field left out stays as it is, lines are replaced as a whole"
)
class UpdateOrderInput(_Input):
    customer_reference: strawberry.Maybe[Reference]
    lines: strawberry.Maybe[Lines]

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

    def to_model(self) -> model.OrderChanges:
        reference, lines = self.customer_reference, self.lines
        return model.OrderChanges(
            customer_reference=None if reference is None else reference.value,
            lines=None if lines is None else _lines(lines.value),
        )


def _lines(lines: Sequence[OrderLineInput]) -> tuple[model.OrderLine, ...]:
    return tuple(line.to_model() for line in lines)


@strawberry.type(description="One line of an order")
class OrderLine:
    sku: str
    quantity: int
    unit_price: Decimal

    @classmethod
    def of(cls, line: model.OrderLine) -> Self:
        return cls(sku=line.sku, quantity=line.quantity, unit_price=line.unit_price)


@strawberry.type(description="An order; it belongs to who made it")
class Order:
    id: strawberry.ID
    customer_reference: str
    status: OrderStatus
    currency: str
    lines: list[OrderLine] = strawberry.field(directives=[ListSize(assumed_size=_MOST_LINES)])
    total: Decimal
    version: int
    created_at: datetime
    updated_at: datetime
    subject: strawberry.Private[str]

    @resolved("Who made the order; null where the account has ended")
    async def owner(self, info: Info) -> Owner | None:
        return await info.context.owners.load(self.subject)

    @classmethod
    def of(cls, order: model.Order) -> Self:
        return cls(
            id=strawberry.ID(str(order.id)),
            customer_reference=order.customer_reference,
            status=order.status,
            currency=order.currency,
            lines=[OrderLine.of(line) for line in order.lines],
            total=order.total,
            version=order.version,
            created_at=order.created_at,
            updated_at=order.updated_at,
            subject=order.owner,
        )


@strawberry.type(description="The order as a mutation has left it")
class OrderPayload:
    order: Order
    replayed: bool = strawberry.field(
        default=False,
        description="Whether an earlier mutation with the same idempotency key did the work",
    )


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class OrderEdge:
    cursor: str
    node: Order


@strawberry.type(description="One page of orders")
class OrderConnection:
    edges: list[OrderEdge]
    page_info: PageInfo

    @resolved("The orders without their cursors")
    def nodes(self) -> list[Order]:
        return [edge.node for edge in self.edges]

    @classmethod
    def of(cls, page: OrderPage, after: str | None) -> Self:
        edges = [
            OrderEdge(cursor=page.cursor_after(order), node=Order.of(order))
            for order in page.orders
        ]
        return cls(
            edges=edges,
            page_info=PageInfo(
                has_next_page=page.has_more,
                has_previous_page=after is not None,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=edges[-1].cursor if edges else None,
            ),
        )
