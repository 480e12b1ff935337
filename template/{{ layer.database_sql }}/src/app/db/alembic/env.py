"""How Alembic reaches the database, from `app migrate` as from `alembic` itself."""

import asyncio
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, cast

import typer
from alembic import context
from sqlalchemy import Connection

import app
from app.db import engine
from app.db.schema import metadata
from app.db.settings import DatabaseSettings


def report(*, step: Any, **_: object) -> None:
    """Say what is done; the output proper is for the SQL of the offline mode."""
    revision = step.up_revision
    word = "upgrade" if step.is_upgrade else "downgrade"
    typer.echo(f"{word} {revision.revision}: {revision.doc}", err=True)


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        transaction_per_migration=True,
        on_version_apply=cast(Any, report),
    )
    with context.begin_transaction():
        context.run_migrations()


def print_sql() -> None:
    context.configure(
        dialect_name=engine.DIALECT.name, literal_binds=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect() -> None:
    async with engine.migrating(DatabaseSettings.load()) as connection:
        await connection.run_sync(migrate)


if context.is_offline_mode():
    print_sql()
else:
    # Any module may define tables; Alembic compares them with the database.
    for module in walk_packages(app.__path__, "app."):
        if not module.name.endswith(("__main__", "alembic.env")):
            import_module(module.name)
    asyncio.run(connect())
