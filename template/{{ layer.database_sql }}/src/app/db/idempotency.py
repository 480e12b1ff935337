"""The store of idempotency keys, written in the transaction of the effect."""

from sqlalchemy import Column, LargeBinary, Table

from app.db.schema import UtcDateTime, metadata
from app.db.unit_of_work import UnitOfWork
from app.platform.idempotency import IdempotencyKey

idempotency_records = Table(
    "idempotency_records",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("result", LargeBinary, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)


class IdempotencyRecords:
    """The keys that have been used, as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def claim(self, key: IdempotencyKey) -> bytes | None:
        """The stored result of the key; None when this unit of work is to produce it.

        Raises AppError: IDEMPOTENCY_IN_PROGRESS while another unit of work has the key,
        IDEMPOTENCY_KEY_REUSED when it belongs to another request.
        """
        raise NotImplementedError

    async def complete(self, key: IdempotencyKey, result: bytes, ttl: int) -> None:
        """Store the result for `ttl` seconds."""
        raise NotImplementedError

    async def prune(self) -> int:
        """Delete expired records; returns how many."""
        raise NotImplementedError
