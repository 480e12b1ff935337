"""The metadata that all tables share, and column types that behave alike on every engine.

A `Name` is text of at most 255 characters and a `Digest` at most 64 bytes: these may be indexed.
`Text` and `Bytes` are of any length.
"""

from sqlalchemy import MetaData

from app.db.engine import (
    Bytes,
    Digest,
    Json,
    Money,
    Name,
    Text,
    UtcDateTime,
    Uuid,
    indexes_by_state,
)

__all__ = [
    "Bytes",
    "Digest",
    "Json",
    "Money",
    "Name",
    "Text",
    "UtcDateTime",
    "Uuid",
    "indexes_by_state",
    "metadata",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
