"""What `migrator` is given of a database that another account has filled."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support.database import accounts_sql, two_accounts

pytestmark = pytest.mark.anyio

MADE_BY_ANOTHER = """
    CREATE TABLE things (id serial PRIMARY KEY, other int GENERATED ALWAYS AS IDENTITY);
    CREATE VIEW all_things AS TABLE things;
    CREATE MATERIALIZED VIEW counted_things AS SELECT count(*) FROM things;
    CREATE FOREIGN DATA WRAPPER nothing;
    CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;
    CREATE FOREIGN TABLE far_things (id int) SERVER elsewhere;
    CREATE SEQUENCE numbers;
    CREATE TYPE colour AS ENUM ('red', 'green');
    CREATE TYPE point_in_time AS (place text, moment timestamptz);
    CREATE TYPE reals AS RANGE (subtype = float8);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""
# Members of an extension. Every server has this one, whichever others it may lack.
EXTENDING = """
    CREATE TABLE extending_table (id int);
    CREATE SEQUENCE extending_sequence;
    CREATE TYPE extending_type AS ENUM ('red');
    CREATE FUNCTION extending_routine() RETURNS int LANGUAGE sql AS 'SELECT 1';
    ALTER EXTENSION plpgsql ADD TABLE extending_table;
    ALTER EXTENSION plpgsql ADD SEQUENCE extending_sequence;
    ALTER EXTENSION plpgsql ADD TYPE extending_type;
    ALTER EXTENSION plpgsql ADD FUNCTION extending_routine();
"""
OWNED_BY_ANOTHER = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relowner <> $1::regrole
    UNION SELECT typname FROM pg_type
    WHERE typnamespace = 'public'::regnamespace AND typowner <> $1::regrole
        AND typtype IN ('c', 'd', 'e', 'r')
    UNION SELECT proname FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proowner <> $1::regrole
"""


async def test_all_but_extensions_is_handed_over(environment: dict[str, str]) -> None:
    admin = environment["DATABASE_URL"]
    with two_accounts(admin) as (migrator, service):
        names = [urlsplit(url).username or "" for url in (migrator, service)]
        filled = urlsplit(admin)._replace(path=urlsplit(migrator).path).geturl()
        connection = await asyncpg.connect(filled)
        try:
            await connection.execute(MADE_BY_ANOTHER + EXTENDING)
            await connection.execute(accounts_sql(*names))
            left = {name for (name,) in await connection.fetch(OWNED_BY_ANOTHER, names[0])}
        finally:
            await connection.close()
    assert left == {"extending_table", "extending_sequence", "extending_type", "extending_routine"}
