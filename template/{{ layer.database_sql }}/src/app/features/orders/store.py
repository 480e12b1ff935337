"""Orders in the database."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    Table,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from app.db import UnitOfWork
from app.db.schema import Money, Name, UtcDateTime, Uuid, metadata
from app.db.statement import Statement
from app.features.orders.model import Order, OrderLine, OrderStatus
from app.platform.pagination import Position

OrderSort = Literal["created_at", "-created_at"]

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Name, nullable=False),
    Column("customer_reference", Name, nullable=False),
    Column("status", Name, nullable=False),
    Column("currency", Name, nullable=False),
    Column("total", Money, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("status IN ('draft', 'placed', 'shipped', 'cancelled')", name="status"),
    # One index for each way in which a page is asked for; each also serves the reverse order.
    Index(None, "created_at", "id"),
    Index(None, "owner", "created_at", "id"),
    Index(None, "status", "created_at", "id"),
    Index(None, "owner", "status", "created_at", "id"),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", Uuid, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("sku", Name, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price", Money, nullable=False),
    CheckConstraint("quantity > 0", name="quantity"),
)

order_confirmations = Table(
    "order_confirmations",
    metadata,
    Column("order_id", Uuid, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("message_id", Uuid, nullable=False),
)


def _with_lines(found: FromClause, *sort: ColumnElement[Any]) -> Statement:
    lines = order_lines.c
    query = (
        select(*found.c, lines.sku, lines.quantity, lines.unit_price)
        .select_from(found.outerjoin(order_lines, lines.order_id == found.c.id))
        .order_by(*sort, lines.position)
    )
    return Statement(query)


@cache
def _page(*, owner: bool, status: bool, after: bool, newest_first: bool) -> Statement:
    """The query for one shape of a page, whose lines come along in the same round trip."""
    place = tuple_(orders.c.created_at, orders.c.id)
    query = select(orders).limit(bindparam("limit", type_=Integer))
    if owner:
        query = query.where(orders.c.owner == bindparam("owner"))
    if status:
        query = query.where(orders.c.status == bindparam("status"))
    if after:
        moment = bindparam("created_at", type_=UtcDateTime)
        last = tuple_(moment, bindparam("id", type_=Uuid))
        # The moment is compared once more, as not every engine finds a pair's place in an index.
        if newest_first:
            query = query.where(place < last, orders.c.created_at <= moment)
        else:
            query = query.where(place > last, orders.c.created_at >= moment)
    found = query.order_by(*_sorted(orders, newest_first)).subquery("found")
    return _with_lines(found, *_sorted(found, newest_first))


def _sorted(table: FromClause, newest_first: bool) -> list[ColumnElement[Any]]:
    columns = (table.c.created_at, table.c.id)
    return [column.desc() if newest_first else column.asc() for column in columns]


_GET = _with_lines(select(orders).where(orders.c.id == bindparam("id")).subquery("found"))
_ADD = Statement(insert(orders))
_ADD_LINE = Statement(insert(order_lines))
_REMOVE_LINES = Statement(delete(order_lines).where(order_lines.c.order_id == bindparam("id")))
_CHANGEABLE = ("customer_reference", "status", "total", "version", "updated_at")
_UPDATE = Statement(
    update(orders)
    .where(orders.c.id == bindparam("order_id"), orders.c.version == bindparam("expected"))
    .values({name: bindparam(name) for name in _CHANGEABLE})
)
_CONFIRM = Statement(insert(order_confirmations))
_CONFIRMED = Statement(
    select(order_confirmations.c.message_id).where(
        order_confirmations.c.order_id == bindparam("id")
    )
)


class OrderStore:
    """Orders as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def add(self, order: Order) -> None:
        """Store a new order."""
        await self._work.fetch(
            _ADD,
            id=order.id,
            owner=order.owner,
            customer_reference=order.customer_reference,
            status=order.status,
            currency=order.currency,
            total=order.total,
            version=order.version,
            created_at=order.created_at,
            updated_at=order.updated_at,
        )
        await self._add_lines(order)

    async def get(self, order_id: UUID) -> Order | None:
        """The order with its lines."""
        return next(_orders(await self._work.fetch(_GET, id=order_id)), None)

    async def update(self, order: Order, expected_version: int) -> bool:
        """Store a changed order; false when it is no longer at the expected version."""
        changed = await self._work.change(
            _UPDATE,
            order_id=order.id,
            expected=expected_version,
            **{name: getattr(order, name) for name in _CHANGEABLE},
        )
        # The lines of an order that is no draft cannot have changed.
        if changed and order.status is OrderStatus.DRAFT:
            await self._work.fetch(_REMOVE_LINES, id=order.id)
            await self._add_lines(order)
        return bool(changed)

    async def page(
        self,
        *,
        owner: str | None,
        status: OrderStatus | None,
        sort: OrderSort,
        after: Position | None,
        limit: int,
    ) -> list[Order]:
        """Orders beyond a position, of one owner and in one status, or of all."""
        statement = _page(
            owner=owner is not None,
            status=status is not None,
            after=after is not None,
            newest_first=sort == "-created_at",
        )
        place = {} if after is None else {"created_at": after.created_at, "id": after.id}
        rows = await self._work.fetch(statement, owner=owner, status=status, limit=limit, **place)
        return list(_orders(rows))

    async def record_confirmation(self, order_id: UUID, message_id: UUID) -> None:
        """Note that the customer has been told of the placement; CONFLICT when already noted."""
        await self._work.fetch(_CONFIRM, order_id=order_id, message_id=message_id)

    async def is_confirmed(self, order_id: UUID) -> bool:
        """Whether the customer has been told of the placement."""
        return bool(await self._work.fetch(_CONFIRMED, id=order_id))

    async def _add_lines(self, order: Order) -> None:
        lines = [
            {"order_id": order.id, "position": position, **_line_values(line)}
            for position, line in enumerate(order.lines)
        ]
        await self._work.run_many(_ADD_LINE, lines)


def _line_values(line: OrderLine) -> dict[str, Any]:
    return {"sku": line.sku, "quantity": line.quantity, "unit_price": line.unit_price}


def _orders(rows: Sequence[Any]) -> Iterator[Order]:
    """Orders made of rows, one for each line, in which the columns of a line come last."""
    for _, group in groupby(rows, key=itemgetter(0)):
        with_lines = list(group)
        order_id, owner, reference, status, currency, total, version, created, updated, *_ = (
            with_lines[0]
        )
        yield Order(
            id=order_id,
            owner=owner,
            customer_reference=reference,
            status=OrderStatus(status),
            currency=currency,
            lines=tuple(
                OrderLine(sku, quantity, price)
                for *_, sku, quantity, price in with_lines
                if sku is not None
            ),
            total=total,
            version=version,
            created_at=created,
            updated_at=updated,
        )
