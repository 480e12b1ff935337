"""The schema: what the features offer, put together."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from app.auth.queries import AccountQueries
from app.features.orders.api import OrderMutations, OrderQueries, OrderSubscriptions
from app.transport.graphql.access import access_table


@strawberry.type
class Query(
    OrderQueries,
    AccountQueries,
    # Your own queries go below this line.
):
    """Everything that can be read."""


@strawberry.type
class Mutation(
    OrderMutations,
    # Your own mutations go below this line.
):
    """Everything that can be done."""


@strawberry.type
class Subscription(
    OrderSubscriptions,
    # Your own subscriptions go below this line.
):
    """Everything that is told as it happens."""


def _decimal_text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("must be a decimal string such as 12.50")


def _in_utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


SCALARS: dict[object, Any] = {
    # The rules of each field judge the text.
    Decimal: strawberry.scalar(
        name="Decimal",
        description="A decimal number as a string, such as 12.50",
        serialize=str,
        parse_value=_decimal_text,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A time as RFC 3339 writes it, in UTC",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_in_utc,
        parse_value=datetime.fromisoformat,
    ),
}

SCHEMA = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
)
ACCESS = access_table(SCHEMA)


def executable(schema: strawberry.Schema) -> GraphQLSchema:
    """The schema as graphql-core executes it."""
    return schema._schema  # noqa: SLF001, the one name that Strawberry has for it
