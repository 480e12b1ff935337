"""Sessions on the configured database, in several instances of the service."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher

from app.auth.authentication import AuthRequest
from app.auth.principal import Principal, Role
from app.auth.service import Auth
from app.auth.sessions import Session, SessionKey
from app.auth.settings import AuthSettings
from app.auth.store import Sessions
from app.auth.users import Users
from app.db import Database
from app.errors import AppError, ErrorCode

pytestmark = pytest.mark.anyio

PASSWORD = "plum otter cabin 47"


async def registered(auth: Auth) -> str:
    email = f"user-{uuid4().hex}@example.com"
    await auth.accounts.register(email, PASSWORD)
    return email


async def caller(auth: Auth, key: SessionKey, *, is_use: bool = True) -> Principal:
    headers = {"cookie": f"__Host-session={key.text}"}
    request = AuthRequest("GET", headers, is_use=is_use)
    principal = await auth.authenticator.authenticate(request)
    assert principal is not None
    return principal


async def is_alive(auth: Auth, key: SessionKey) -> bool:
    try:
        await caller(auth, key)
    except AppError as error:
        if error.code is not ErrorCode.UNAUTHENTICATED:
            raise
        return False
    return True


async def stored(database: Database, session: Session) -> Session | None:
    async with database.unit_of_work(read_only=True) as work:
        return await Sessions(work).get(session.id)


async def aged(database: Database, session: Session, **ago: timedelta) -> None:
    """Move the times of a stored session into the past."""
    moved = {name: getattr(session, name) - by for name, by in ago.items()}
    async with database.unit_of_work() as work:
        await Sessions(work).end(session.id)
        await Sessions(work).add(replace(session, **moved))


async def test_a_request_without_credentials_has_no_principal(auth: Auth) -> None:
    assert await auth.authenticator.authenticate(AuthRequest("GET", {})) is None


async def test_the_session_names_its_caller(auth: Auth) -> None:
    session, key = await auth.log_in(await registered(auth), PASSWORD)
    principal = await caller(auth, key)
    assert principal.subject == str(session.user_id)
    assert principal.session_id == str(session.id)
    assert principal.kind == "user"
    assert principal.roles == {Role.MEMBER}
    assert principal.scopes is None


async def test_a_session_that_has_ended_has_ended_in_every_instance(
    auth: Auth, start_auth: Callable[..., Auth]
) -> None:
    other = start_auth()
    email = await registered(auth)
    for end in (auth.log_out, auth.log_out_everywhere):
        _, key = await auth.log_in(email, PASSWORD)
        principal = await caller(other, key)
        await end(principal)
        assert not await is_alive(auth, key)
        assert not await is_alive(other, key)


async def test_a_session_ends_when_it_has_not_been_used(auth: Auth, database: Database) -> None:
    session, key = await auth.log_in(await registered(auth), PASSWORD)
    half = timedelta(seconds=900)
    await aged(database, session, created_at=half, expires_at=half)
    assert await is_alive(auth, key)
    prolonged = await stored(database, session)
    assert prolonged is not None
    assert prolonged.expires_at > session.expires_at - timedelta(seconds=30)
    await aged(database, prolonged, expires_at=timedelta(seconds=1800))
    assert not await is_alive(auth, key)


async def test_a_session_in_use_ends_at_its_longest_time(auth: Auth, database: Database) -> None:
    session, key = await auth.log_in(await registered(auth), PASSWORD)
    await aged(database, session, created_at=timedelta(hours=11, minutes=50))
    assert await is_alive(auth, key)
    await aged(
        database,
        session,
        created_at=timedelta(hours=11, minutes=50),
        expires_at=timedelta(minutes=25),
    )
    assert await is_alive(auth, key)
    capped = await stored(database, session)
    assert capped is not None
    assert capped.expires_at == capped.created_at + timedelta(hours=12)


async def test_who_only_is_still_there_does_not_use_the_session(
    auth: Auth, database: Database
) -> None:
    session, key = await auth.log_in(await registered(auth), PASSWORD)
    half = timedelta(seconds=900)
    await aged(database, session, created_at=half, expires_at=half)
    before = await stored(database, session)
    await caller(auth, key, is_use=False)
    assert await stored(database, session) == before
    await caller(auth, key)
    assert await stored(database, session) != before


async def test_use_is_written_once_a_minute(auth: Auth, database: Database) -> None:
    session, key = await auth.log_in(await registered(auth), PASSWORD)
    for _ in range(3):
        await caller(auth, key)
    assert await stored(database, session) == session
    minute = timedelta(seconds=60)
    await aged(database, session, created_at=minute, expires_at=minute)
    await asyncio.gather(*(caller(auth, key) for _ in range(5)))
    once = await stored(database, session)
    await caller(auth, key)
    assert once is not None
    assert once.expires_at >= session.expires_at
    assert await stored(database, session) == once


async def test_a_new_password_changes_the_key_and_ends_the_others(
    auth: Auth, database: Database
) -> None:
    email = await registered(auth)
    session, key = await auth.log_in(email, PASSWORD)
    _, other = await auth.log_in(email, PASSWORD)
    new_key = await auth.change_password(await caller(auth, key), PASSWORD, "violet teapot 4821")
    assert [await is_alive(auth, it) for it in (key, other, new_key)] == [False, False, True]
    after = await stored(database, session)
    assert after == replace(session, key_hash=new_key.digest)


async def test_an_outdated_hash_is_renewed_at_login(auth: Auth, database: Database) -> None:
    email = await registered(auth)
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    async with database.unit_of_work() as work:
        user = await Users(work).with_email(email)
        assert user is not None
        await Users(work).update(user.id, password_hash=weak)
    await auth.log_in(email, PASSWORD)
    async with database.unit_of_work(read_only=True) as work:
        renewed = await Users(work).get(user.id)
    assert renewed is not None
    settings = AuthSettings.load()
    memory, passes = settings.password_hash_memory_kib, settings.password_hash_time_cost
    assert f"$m={memory},t={passes},p=1$" in renewed.password_hash


async def test_a_disabled_account_neither_logs_in_nor_goes_on(auth: Auth) -> None:
    email = await registered(auth)
    _, key = await auth.log_in(email, PASSWORD)
    await auth.accounts.set_disabled(email, True)
    assert not await is_alive(auth, key)
    with pytest.raises(AppError) as raised:
        await auth.log_in(email, PASSWORD)
    assert raised.value.code is ErrorCode.UNAUTHENTICATED
    await auth.accounts.set_disabled(email, False)
    assert not await is_alive(auth, key)
    assert await is_alive(auth, (await auth.log_in(email, PASSWORD))[1])


async def test_a_login_cannot_outrun_the_disabling_of_its_account(auth: Auth) -> None:
    email = await registered(auth)
    for _ in range(5):
        logins = [asyncio.create_task(auth.log_in(email, PASSWORD)) for _ in range(4)]
        await asyncio.sleep(0.03)
        await auth.accounts.set_disabled(email, True)
        for result in await asyncio.gather(*logins, return_exceptions=True):
            if isinstance(result, tuple):
                assert not await is_alive(auth, result[1])
            else:
                assert isinstance(result, AppError)
        await auth.accounts.set_disabled(email, False)


async def test_another_role_needs_another_login(auth: Auth) -> None:
    email = await registered(auth)
    _, key = await auth.log_in(email, PASSWORD)
    await auth.accounts.set_role(email, Role.VIEWER)
    assert not await is_alive(auth, key)
    _, key = await auth.log_in(email, PASSWORD)
    assert (await caller(auth, key)).roles == {Role.VIEWER}


async def test_expired_sessions_are_forgotten_at_the_next_login(
    auth: Auth, start_auth: Callable[..., Auth], database: Database
) -> None:
    email = await registered(auth)
    old, _ = await start_auth(session_idle_seconds=-1).log_in(email, PASSWORD)
    new, _ = await auth.log_in(email, PASSWORD)
    assert await stored(database, old) is None
    newer, _ = await auth.log_in(email, PASSWORD)
    assert [await stored(database, session) for session in (new, newer)] == [new, newer]


async def test_a_session_that_ends_while_it_is_read_is_refused(
    auth: Auth, database: Database
) -> None:
    session, key = await auth.log_in(await registered(auth), PASSWORD)
    principal = await caller(auth, key)
    async with database.unit_of_work() as work:
        await Sessions(work).end_all(UUID(principal.subject))
    with pytest.raises(AppError) as raised:
        await auth.session(principal)
    assert raised.value.code is ErrorCode.UNAUTHENTICATED
    assert session.expires_at > datetime.now(UTC)
