"""The metadata that all tables share, and column types that behave alike on every engine."""

from sqlalchemy import MetaData

from app.db.engine import Json, Money, UtcDateTime

__all__ = ["Json", "Money", "UtcDateTime", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
