"""What callers are told of the errors of MongoDB, which a server of tests makes few of."""

import pytest
from pymongo.errors import (
    AutoReconnect,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from app.db.failures import error_code
from app.errors import ErrorCode

TRANSIENT = {"errorLabels": ["TransientTransactionError"]}
RETRYABLE = {"errorLabels": ["RetryableWriteError"]}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DuplicateKeyError("E11000", 11000), ErrorCode.CONFLICT),
        (OperationFailure("WriteConflict", 112, TRANSIENT), ErrorCode.CONFLICT),
        (ExecutionTimeout("MaxTimeMSExpired", 50), ErrorCode.DEADLINE_EXCEEDED),
        (OperationFailure("LockTimeout", 24, TRANSIENT), ErrorCode.DEADLINE_EXCEEDED),
        (WriteConcernError("waiting for replication", 64), ErrorCode.DEADLINE_EXCEEDED),
        (OperationFailure("operation was interrupted", 11601), ErrorCode.DEADLINE_EXCEEDED),
        (AutoReconnect("connection closed"), ErrorCode.DEPENDENCY_UNAVAILABLE),
        (ServerSelectionTimeoutError("no primary"), ErrorCode.DEPENDENCY_UNAVAILABLE),
        (OperationFailure("HostUnreachable", 6), ErrorCode.DEPENDENCY_UNAVAILABLE),
        (OperationFailure("NoSuchTransaction", 251, TRANSIENT), ErrorCode.DEPENDENCY_UNAVAILABLE),
        (OperationFailure("SnapshotUnavailable", 246, TRANSIENT), ErrorCode.DEPENDENCY_UNAVAILABLE),
        (OperationFailure("StaleConfig", 13388, RETRYABLE), ErrorCode.DEPENDENCY_UNAVAILABLE),
        (OperationFailure("Document failed validation", 121), None),
        (OperationFailure("not authorized", 13), None),
    ],
)
def test_only_what_is_a_fault_of_the_service_stays_one(
    error: PyMongoError, code: ErrorCode | None
) -> None:
    assert error_code(error) is code
