"""How the service talks to MongoDB."""

from datetime import UTC
from decimal import Decimal
from typing import Any, TypeAlias

from bson.codec_options import TypeCodec, TypeRegistry
from bson.decimal128 import Decimal128
from pymongo import AsyncMongoClient
from pymongo.monitoring import ConnectionPoolListener

from app.db.settings import DatabaseSettings

Document: TypeAlias = dict[str, Any]

# A connection that has been idle for longer may have been forgotten by what is in between.
MOST_IDLE_SECONDS = 600


class MoneyCodec(TypeCodec):
    """An exact decimal, with the digits after the point that it came with."""

    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


def create_client(
    settings: DatabaseSettings, *listeners: ConnectionPoolListener, limited: bool = True
) -> AsyncMongoClient[Document]:
    """A client that connects when first used; `limited` gives every statement its time.

    What is read has been acknowledged by most members of the replica set, and so is what is
    written: no failover takes it back. The time of a statement is told to the server too, which
    then stops working on it.
    """
    connect = settings.db_connect_timeout_seconds * 1000
    return AsyncMongoClient(
        settings.database_url.get_secret_value(),
        connectTimeoutMS=connect,
        event_listeners=listeners,
        maxIdleTimeMS=MOST_IDLE_SECONDS * 1000,
        maxPoolSize=settings.db_pool_size,
        readConcernLevel="majority",
        readPreference="primary",
        retryReads=True,
        retryWrites=True,
        serverSelectionTimeoutMS=connect,
        timeoutMS=settings.db_statement_timeout_seconds * 1000 if limited else None,
        type_registry=TypeRegistry([MoneyCodec()]),
        tz_aware=True,
        tzinfo=UTC,
        uuidRepresentation="standard",
        w="majority",
    )
