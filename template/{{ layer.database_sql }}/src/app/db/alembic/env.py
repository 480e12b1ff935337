"""How Alembic reaches the database, from `app migrate` as from `alembic` itself."""

import asyncio
import re
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

BRANCH_REVISION = re.compile(r"(?P<branch>[a-z_]+)_\d{4}")


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


def leave_out_retired_branches() -> None:
    """Pass over what options recorded that have been switched off, and taken their branch along.

    The rows stay, so that an option that is switched on again finds its tables made. What has a
    script counts, whatever its name looks like. A revision without one, of a branch that is still
    there, must be known: else the database is ahead of this release.
    """
    migrations = context.get_context()
    recorded = migrations.get_current_heads
    scripts = {it.revision: it.branch_labels for it in context.script.walk_revisions()}
    branches = {label for labels in scripts.values() for label in labels}

    def known() -> tuple[str, ...]:
        return tuple(
            revision
            for revision in recorded()
            if revision in scripts
            or not (named := BRANCH_REVISION.fullmatch(revision))
            or named["branch"] in branches
        )

    migrations.get_current_heads = known  # type: ignore[method-assign]


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=schema.metadata,
        render_as_batch=not connection.dialect.supports_alter,
        render_item=render,
        transaction_per_migration=True,
        on_version_apply=cast(Any, report),
    )
    leave_out_retired_branches()
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
