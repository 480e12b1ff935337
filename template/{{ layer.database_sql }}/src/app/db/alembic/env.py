"""How Alembic reaches the database, from `app migrate` as from `alembic` itself."""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

import typer
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

import app
from app.db import engine, schema
from app.db.settings import DatabaseSettings


def import_tables() -> None:
    """Import every module, as any may define tables, which Alembic compares with the database."""
    for folder in map(Path, app.__path__):
        for file in folder.rglob("*.py"):
            if file.stem != "__main__" and file != Path(__file__):
                import_module(".".join(file.relative_to(folder.parent).with_suffix("").parts))


def report(*, step: Any, **_: object) -> None:
    """Say what is done; the output proper is for the SQL of the offline mode."""
    revision = step.up_revision
    word = "upgrade" if step.is_upgrade else "downgrade"
    typer.echo(f"{word} {revision.revision}: {revision.doc}", err=True)


def render(kind: str, item: object, autogenerating: AutogenContext) -> str | Literal[False]:
    """Write the service's own column types by their names."""
    name = type(item).__name__
    if kind != "type" or name not in schema.__all__:
        return False
    autogenerating.imports.add(f"from app.db.schema import {name}")
    return name


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=schema.metadata,
        render_as_batch=not connection.dialect.supports_alter,
        render_item=render,
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
    import_tables()
    asyncio.run(connect())
