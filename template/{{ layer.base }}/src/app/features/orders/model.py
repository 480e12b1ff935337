"""What an order is, and what may happen to it. Nothing here knows a protocol or a database."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self
from uuid import UUID

from app.errors import AppError, ErrorCode
from app.platform.clock import now
from app.platform.ids import new_uuid


class OrderStatus(StrEnum):
    """`draft` → `placed` → `shipped`; a draft or placed order may be `cancelled`."""

    DRAFT = "draft"
    PLACED = "placed"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`unit_price` is in the currency of the order."""

    sku: str
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """What a caller says of a new order; already validated by the transport."""

    customer_reference: str
    currency: str
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True, slots=True)
class OrderChanges:
    """A partial change: None leaves a field as it is."""

    customer_reference: str | None = None
    lines: tuple[OrderLine, ...] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order; `owner` is the subject of the principal who made it, `version` counts changes."""

    id: UUID
    owner: str
    customer_reference: str
    status: OrderStatus
    currency: str
    lines: tuple[OrderLine, ...]
    total: Decimal
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def new(cls, owner: str, draft: OrderDraft) -> Self:
        created_at = now()
        return cls(
            id=new_uuid(),
            owner=owner,
            customer_reference=draft.customer_reference,
            status=OrderStatus.DRAFT,
            currency=draft.currency,
            lines=draft.lines,
            total=_total(draft.lines),
            version=1,
            created_at=created_at,
            updated_at=created_at,
        )

    def changed(self, changes: OrderChanges) -> Self:
        """The order with the changes applied; only a draft may change."""
        self._require_status("changed", OrderStatus.DRAFT)
        lines = self.lines if changes.lines is None else changes.lines
        reference = changes.customer_reference
        return replace(
            self._next(),
            customer_reference=self.customer_reference if reference is None else reference,
            lines=lines,
            total=_total(lines),
        )

    def placed(self) -> Self:
        self._require_status("placed", OrderStatus.DRAFT)
        return replace(self._next(), status=OrderStatus.PLACED)

    def cancelled(self) -> Self:
        self._require_status("cancelled", OrderStatus.DRAFT, OrderStatus.PLACED)
        return replace(self._next(), status=OrderStatus.CANCELLED)

    def _next(self) -> Self:
        return replace(self, version=self.version + 1, updated_at=now())

    def _require_status(self, action: str, *allowed: OrderStatus) -> None:
        if self.status not in allowed:
            raise AppError(ErrorCode.INVALID_STATE, f"A {self.status} order cannot be {action}")


def _total(lines: tuple[OrderLine, ...]) -> Decimal:
    return sum((line.quantity * line.unit_price for line in lines), Decimal("0.00"))
