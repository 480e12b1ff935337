"""What `deploy/accounts.sql` makes of a database, and who can run it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from tests.support.database import accounts_sql, as_account, two_accounts

pytestmark = pytest.mark.anyio

MADE_BY_ANOTHER = """
    CREATE TABLE things (id serial PRIMARY KEY, other int GENERATED ALWAYS AS IDENTITY);
    CREATE VIEW all_things AS TABLE things;
    CREATE MATERIALIZED VIEW counted_things AS SELECT count(*) FROM things;
    CREATE SEQUENCE numbers;
    CREATE TYPE colour AS ENUM ('red', 'green');
    CREATE TYPE point_in_time AS (place text, moment timestamptz);
    CREATE TYPE reals AS RANGE (subtype = float8);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""
# What only a superuser can make.
FAR_AWAY = """
    CREATE FOREIGN DATA WRAPPER nothing;
    CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;
    CREATE FOREIGN TABLE far_things (id int) SERVER elsewhere;
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
EXTENDED = {"extending_table", "extending_sequence", "extending_type", "extending_routine"}
OWNED_BY_ANOTHER = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relowner <> $1::regrole
    UNION SELECT typname FROM pg_type
    WHERE typnamespace = 'public'::regnamespace AND typowner <> $1::regrole
        AND typtype IN ('c', 'd', 'e', 'r')
    UNION SELECT proname FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proowner <> $1::regrole
        -- Those of a range are nobody's.
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'i')
"""


@dataclass
class Managed:
    """A database as providers give it: its owner may make roles, and is no superuser."""

    superuser: asyncpg.Connection
    admin: asyncpg.Connection
    url: str
    migrator: str
    service: str

    @property
    def statements(self) -> str:
        return accounts_sql(self.migrator, self.service)


@pytest.fixture
async def managed(environment: dict[str, str]) -> AsyncIterator[Managed]:
    own = uuid4().hex
    admin, migrator, service = (f"{name}_{own}" for name in ("admin", "migrator", "service"))
    server = await asyncpg.connect(environment["DATABASE_URL"])
    await server.execute(f"CREATE ROLE {admin} LOGIN CREATEROLE PASSWORD '{admin}'")
    await server.execute(f"CREATE DATABASE {admin} OWNER {admin}")
    url = urlsplit(environment["DATABASE_URL"])._replace(path=f"/{admin}").geturl()
    superuser = await asyncpg.connect(url)
    connection = await asyncpg.connect(as_account(url, admin))
    yield Managed(superuser, connection, url, migrator, service)
    await connection.close()
    await superuser.close()
    await server.execute(f"DROP DATABASE {admin} WITH (FORCE)")
    for name in (service, migrator, admin):
        await server.execute(f"DROP ROLE IF EXISTS {name}")
    await server.close()


async def test_all_but_extensions_is_handed_over(environment: dict[str, str]) -> None:
    admin = environment["DATABASE_URL"]
    with two_accounts(admin) as (migrator, service):
        names = [urlsplit(url).username or "" for url in (migrator, service)]
        filled = urlsplit(admin)._replace(path=urlsplit(migrator).path).geturl()
        connection = await asyncpg.connect(filled)
        try:
            await connection.execute(MADE_BY_ANOTHER + FAR_AWAY + EXTENDING)
            await connection.execute(accounts_sql(*names))
            left = {name for (name,) in await connection.fetch(OWNED_BY_ANOTHER, names[0])}
        finally:
            await connection.close()
    assert left == EXTENDED


async def test_an_administrator_needs_not_be_a_superuser(managed: Managed) -> None:
    await managed.admin.execute(MADE_BY_ANOTHER)
    await managed.superuser.execute(EXTENDING)
    # A second time, as each release on one machine does.
    for _ in range(2):
        await managed.admin.execute(managed.statements)
    left = await managed.superuser.fetch(OWNED_BY_ANOTHER, managed.migrator)
    assert {name for (name,) in left} == EXTENDED
    for name in (managed.migrator, managed.service):
        await managed.admin.execute(f"ALTER ROLE {name} PASSWORD '{name}'")

    migrator = await asyncpg.connect(as_account(managed.url, managed.migrator))
    try:
        await migrator.execute("ALTER TABLE things ADD COLUMN note text; CREATE SCHEMA apart")
        await migrator.execute("CREATE TABLE later (id serial)")
    finally:
        await migrator.close()
    service = await asyncpg.connect(as_account(managed.url, managed.service))
    try:
        await service.execute("INSERT INTO things DEFAULT VALUES; DELETE FROM things")
        await service.execute("INSERT INTO later DEFAULT VALUES; DELETE FROM later")
        for denied in ("DROP TABLE later", "CREATE TABLE own ()", "CREATE TEMPORARY TABLE own ()"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(denied)
    finally:
        await service.close()


async def test_it_gives_up_where_a_table_stays_in_use(managed: Managed) -> None:
    await managed.admin.execute(MADE_BY_ANOTHER)
    impatient = managed.statements.replace("'5s'", "'100ms'")
    async with managed.superuser.transaction(), asyncio.timeout(5):
        await managed.superuser.execute("LOCK things IN ACCESS SHARE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await managed.admin.execute(impatient)
        # Nothing waits behind it, and nothing is half done.
        await managed.admin.execute("SELECT FROM things")
        assert await managed.admin.fetchval("SELECT to_regrole($1)", managed.migrator) is None
    await managed.admin.execute(impatient)
    owner = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'things'"
    assert await managed.admin.fetchval(owner) == managed.migrator
