"""The check that guards tables in use against long locks."""

import pytest
from typer.testing import CliRunner

from app.cli import cli
from dev.check_migrations import check


def test_the_migrations_of_the_project_pass() -> None:
    sql = CliRunner().invoke(cli, ["migrate", "upgrade", "--sql"]).stdout
    assert "CREATE TABLE orders" in sql
    assert check(sql) == 0


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX ix_orders_total ON orders (total);",
        "ALTER TABLE orders ADD COLUMN note text NOT NULL;",
        "ALTER TABLE orders ALTER COLUMN currency TYPE varchar(3);",
        "ALTER TABLE orders ALTER COLUMN currency SET NOT NULL;",
        "ALTER TABLE orders ADD CONSTRAINT ck_orders_total CHECK (total > 0);",
        "ALTER TABLE orders ADD CONSTRAINT uq_orders_owner UNIQUE (owner);",
        "ALTER TABLE orders ADD FOREIGN KEY (owner) REFERENCES users (id);",
        "ALTER TABLE orders RENAME COLUMN owner TO subject;",
    ],
)
def test_a_change_that_locks_a_table_or_breaks_its_readers_is_refused(sql: str) -> None:
    assert check(f"BEGIN; {sql} COMMIT;") != 0


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY ix_orders_total ON orders (total);",
        "ALTER TABLE orders ADD COLUMN note text;",
        "ALTER TABLE orders ADD COLUMN size int NOT NULL DEFAULT 0;",
        "ALTER TABLE orders ADD CONSTRAINT ck_orders_total CHECK (total > 0) NOT VALID;",
        "BEGIN; CREATE TABLE notes (id bigint PRIMARY KEY); CREATE INDEX i ON notes (id); COMMIT;",
    ],
)
def test_a_change_that_does_neither_passes(sql: str) -> None:
    assert check(sql) == 0
