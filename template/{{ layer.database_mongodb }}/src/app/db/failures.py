"""What an error of the driver means to a caller."""

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from app.errors import ErrorCode

_DUPLICATE_KEY = (11000, 11001, 12582)
_WRITE_CONFLICT = 112
# 24 LockTimeout, 50 MaxTimeMSExpired, 64 members that do not confirm, 262 ExceededTimeLimit,
# 290 a transaction that lasts too long, 11601 a command that somebody has stopped.
_TOO_SLOW = (24, 50, 64, 262, 290, 11601)
# 18: not let in, while users or secrets change. 251: the server has given up the transaction, which
# others do with it when a member steps down. 6, 7, 89, 133, 9001: a router finds no member. The
# rest: the disk is full, or memory is short.
_UNAVAILABLE = (6, 7, 18, 39, 89, 133, 146, 251, 9001, 14031)
# The server's own word for what passes by itself.
_PASSING = ("TransientTransactionError", "RetryableWriteError")
_AWAY = (ServerSelectionTimeoutError, WaitQueueTimeoutError)


def codes(error: PyMongoError) -> set[int]:
    """The numbers of MongoDB in an error, of which a bulk write may have several."""
    if isinstance(error, BulkWriteError):
        return {fault["code"] for fault in error.details["writeErrors"]}
    code = error.code if isinstance(error, OperationFailure) else None
    return set() if code is None else {code}


def is_duplicate(error: PyMongoError) -> bool:
    """Whether a unique index has refused a document."""
    return not codes(error).isdisjoint(_DUPLICATE_KEY)


def is_write_conflict(error: PyMongoError) -> bool:
    """Whether another transaction is writing, or has since written, the same document."""
    return _WRITE_CONFLICT in codes(error)


def is_lost_transaction(error: PyMongoError) -> bool:
    """Whether a transaction is gone with its connection, and not for want of time."""
    lost = isinstance(error, ConnectionFailure) and not error.timeout
    return lost and error.has_error_label("TransientTransactionError")


def is_timeout(error: PyMongoError) -> bool:
    """Whether a statement has used up its time."""
    slow = isinstance(error, (ExecutionTimeout, NetworkTimeout))
    return slow or not codes(error).isdisjoint(_TOO_SLOW)


def is_crowded(error: PyMongoError) -> bool:
    """Whether no connection of the pool became free in time."""
    return isinstance(error, WaitQueueTimeoutError)


def error_code(error: PyMongoError) -> ErrorCode | None:
    """What to tell the caller; None where it is a fault of the service."""
    if is_duplicate(error) or is_write_conflict(error):
        return ErrorCode.CONFLICT
    if is_timeout(error) or (error.timeout and not isinstance(error, _AWAY)):
        return ErrorCode.DEADLINE_EXCEEDED
    lost = isinstance(error, (ConnectionFailure, *_AWAY)) or any(
        map(error.has_error_label, _PASSING)
    )
    if lost or not codes(error).isdisjoint(_UNAVAILABLE):
        return ErrorCode.DEPENDENCY_UNAVAILABLE
    return None
