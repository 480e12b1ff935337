"""The check that guards tables in use against long locks."""

import pytest
from typer.testing import CliRunner

from app.cli import cli
from dev.check_migrations import faults


def test_the_migrations_of_the_project_pass() -> None:
    sql = CliRunner().invoke(cli, ["migrate", "upgrade", "--sql"]).stdout
    assert "CREATE TABLE orders" in sql
    assert list(faults(sql)) == []


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX ix_orders_total ON orders (total);",
        "CREATE UNIQUE INDEX ix_orders_total ON `orders` (total);",
        "DROP INDEX ix_orders_total ON orders;",
        "ALTER TABLE orders ADD COLUMN note TEXT;",
        "ALTER TABLE orders ADD COLUMN note VARCHAR(9) NOT NULL, ALGORITHM=INSTANT;",
        "ALTER TABLE orders MODIFY currency VARCHAR(3) NOT NULL;",
        "ALTER TABLE orders ADD CONSTRAINT total\n    CHECK (total > 0), ALGORITHM=INPLACE;",
        "ALTER TABLE orders RENAME COLUMN owner TO subject, ALGORITHM=INSTANT;",
        "TRUNCATE orders;",
    ],
)
def test_a_change_that_locks_a_table_or_breaks_its_readers_is_refused(sql: str) -> None:
    assert len(list(faults(sql))) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE orders ADD INDEX ix_orders_total (total), ALGORITHM=INPLACE, LOCK=NONE;",
        "ALTER TABLE orders ADD COLUMN note TEXT, ALGORITHM=INSTANT;",
        "ALTER TABLE orders ADD COLUMN size INT NOT NULL DEFAULT 0, ALGORITHM = INSTANT;",
        "CREATE TABLE notes (id BIGINT PRIMARY KEY);\n\nCREATE INDEX ix_notes ON notes (id);",
    ],
)
def test_a_change_that_does_neither_passes(sql: str) -> None:
    assert list(faults(sql)) == []


def test_a_table_is_in_use_once_its_revision_is_done() -> None:
    made = "-- Running upgrade  -> one\nCREATE TABLE notes (id BIGINT PRIMARY KEY);\n"
    changed = "-- Running upgrade one -> two\nCREATE INDEX ix_notes ON notes (id);\n"
    assert len(list(faults(made + changed))) == 1
