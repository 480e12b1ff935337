"""The store of idempotency keys, written in the transaction of the effect."""

from datetime import UTC, datetime, timedelta

from pymongo.errors import PyMongoError

from app.db.failures import is_duplicate, is_write_conflict
from app.db.unit_of_work import UnitOfWork
from app.errors import AppError, ErrorCode
from app.platform.idempotency import IdempotencyKey
from app.platform.ids import new_uuid

RETRY_AFTER_SECONDS = 1


class IdempotencyRecords:
    """The keys that have been used, as seen from one unit of work.

    The database deletes them once they have expired, a minute or so later.
    """

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._records = work.collection("idempotency_records")

    async def claim(self, key: IdempotencyKey) -> bytes | None:
        """The stored result of the key; None when this unit of work is to produce it.

        Raises AppError: IDEMPOTENCY_IN_PROGRESS while another unit of work has the key,
        IDEMPOTENCY_KEY_REUSED when it stands for another request.
        """
        digest = key.digest()
        now = datetime.now(UTC)
        record = await self._records.find_one({"_id": digest})
        if record is None or record["expires_at"] <= now:
            await self._work.prelude(lambda: self._take(digest, now))
            return None
        if record["fingerprint"] != key.fingerprint:
            raise AppError(ErrorCode.IDEMPOTENCY_KEY_REUSED)
        stored: bytes = record["result"]
        return stored

    async def complete(self, key: IdempotencyKey, result: bytes, ttl: int) -> None:
        """Store the result for `ttl` seconds; the key must have been claimed."""
        expires_at = datetime.now(UTC) + timedelta(seconds=ttl)
        record = {"fingerprint": key.fingerprint, "result": result, "expires_at": expires_at}
        await self._records.update_one({"_id": key.digest()}, {"$set": record})

    async def _take(self, digest: bytes, now: datetime) -> None:
        """Write a record that has expired already, and that no other transaction can write then.

        The claim is another one each time, since a write that changes nothing is none. Where the
        key has got a record since it was read, that one is not changed, and no other fits in.
        """
        free = {"_id": digest, "expires_at": {"$lte": now}}
        record = {"claim": new_uuid(), "fingerprint": b"", "result": b"", "expires_at": now}
        try:
            await self._records.update_one(free, {"$set": record}, upsert=True, waits=False)
        except PyMongoError as error:
            if is_write_conflict(error) or is_duplicate(error):
                code = ErrorCode.IDEMPOTENCY_IN_PROGRESS
                raise AppError(code, retry_after=RETRY_AFTER_SECONDS) from error
            raise
