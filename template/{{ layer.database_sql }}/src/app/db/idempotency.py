"""The store of idempotency keys, written in the transaction of the effect."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Column, Table, bindparam, delete, insert, select

from app.db import engine
from app.db.free_rows import DeleteFree
from app.db.schema import Bytes, Digest, UtcDateTime, metadata
from app.db.statement import Statement
from app.db.unit_of_work import UnitOfWork
from app.errors import AppError, ErrorCode
from app.platform.idempotency import IdempotencyKey

RETRY_AFTER_SECONDS = 1
# One completion in fifty or so prunes this many: twice as fast as records come.
PRUNE_ROWS = 100
PRUNING_DIGESTS = range(5)

idempotency_records = Table(
    "idempotency_records",
    metadata,
    Column("key_digest", Digest, primary_key=True),
    Column("fingerprint", Digest, nullable=False),
    Column("result", Bytes, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

_record = idempotency_records.c
_LOCK = Statement(select(engine.try_lock(bindparam("number", type_=BigInteger))))
_FIND = Statement(
    select(_record.fingerprint, _record.result, _record.expires_at).where(
        _record.key_digest == bindparam("digest")
    )
)
_ADD = Statement(insert(idempotency_records))
_FORGET = Statement(delete(idempotency_records).where(_record.key_digest == bindparam("digest")))
_PRUNE = DeleteFree(
    select(_record.key_digest)
    .where(_record.expires_at <= bindparam("now"))
    .order_by(_record.expires_at)
    .limit(PRUNE_ROWS)
)


class IdempotencyRecords:
    """The keys that have been used, as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def claim(self, key: IdempotencyKey) -> bytes | None:
        """The stored result of the key; None when this unit of work is to produce it.

        Raises AppError: IDEMPOTENCY_IN_PROGRESS while another unit of work has the key,
        IDEMPOTENCY_KEY_REUSED when it stands for another request.
        """
        digest = key.digest()
        # The lock comes before the look, or else a record committed in between would be missed.
        [[locked]] = await self._work.fetch(_LOCK, number=int.from_bytes(digest[:8], signed=True))
        if not locked:
            raise AppError(ErrorCode.IDEMPOTENCY_IN_PROGRESS, retry_after=RETRY_AFTER_SECONDS)
        for fingerprint, result, expires_at in await self._work.fetch(_FIND, digest=digest):
            if expires_at <= datetime.now(UTC):
                await self._work.fetch(_FORGET, digest=digest)
            elif fingerprint != key.fingerprint:
                raise AppError(ErrorCode.IDEMPOTENCY_KEY_REUSED)
            else:
                stored: bytes = result
                return stored
        return None

    async def complete(self, key: IdempotencyKey, result: bytes, ttl: int) -> None:
        """Store the result for `ttl` seconds; the key must have been claimed."""
        digest = key.digest()
        if digest[0] in PRUNING_DIGESTS:
            await self.prune()
        await self._work.fetch(
            _ADD,
            key_digest=digest,
            fingerprint=key.fingerprint,
            result=result,
            expires_at=datetime.now(UTC) + timedelta(seconds=ttl),
        )

    async def prune(self) -> int:
        """Delete some of what has expired; returns how many records."""
        return await _PRUNE.run(self._work, now=datetime.now(UTC))
