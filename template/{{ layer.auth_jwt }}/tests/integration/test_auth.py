"""Logins, refreshes and revocations on the configured database and cache."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from app.auth.authentication import AuthRequest
from app.auth.principal import Role
from app.auth.refresh_tokens import RefreshToken, TokenFamily, TokenPair
from app.auth.service import Auth
from app.auth.settings import AuthSettings
from app.auth.store import TokenFamilies
from app.auth.users import Users
from app.db import Database
from app.errors import AppError, ErrorCode
from app.platform.ids import new_uuid
from tests.support.logins import PASSWORD, caller, refused, registered

pytestmark = pytest.mark.anyio

Start = Callable[..., Auth]


async def family_of(database: Database, pair: TokenPair) -> TokenFamily | None:
    token = RefreshToken.parse(pair.refresh_token)
    assert token is not None
    async with database.unit_of_work(read_only=True) as work:
        return await TokenFamilies(work).with_handle(token.handle_hash)


async def test_a_request_without_credentials_has_no_principal(auth: Auth) -> None:
    assert await auth.authenticator.authenticate(AuthRequest("GET", {})) is None


async def test_of_registrations_at_the_same_moment_one_counts(start_auth: Start) -> None:
    auth = start_auth(password_hash_concurrency=8)
    for _ in range(2):
        email = f"user-{uuid4().hex}@example.com"
        passwords = [f"{PASSWORD} {number}" for number in range(6)]
        await asyncio.gather(*(auth.accounts.register(email, password) for password in passwords))
        logins = await asyncio.gather(
            *(auth.log_in(email, password) for password in passwords), return_exceptions=True
        )
        assert sum(isinstance(login, TokenPair) for login in logins) == 1


async def test_an_outdated_hash_is_renewed_at_login(auth: Auth, database: Database) -> None:
    email = await registered(auth)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
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
    await auth.log_in(email, PASSWORD)


async def test_a_cache_that_lost_its_data_accepts_no_revoked_token(
    auth: Auth, start_auth: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = await auth.log_in(await registered(auth), PASSWORD)
    await auth.revoke(pair.access_token)
    monkeypatch.setenv("CACHE_KEY_PREFIX", f"test-{uuid4()}:")
    assert await refused(start_auth(), pair) is ErrorCode.UNAUTHENTICATED


async def test_of_many_refreshes_at_once_one_wins_and_the_family_ends(
    auth: Auth, start_auth: Start
) -> None:
    instances = [auth, start_auth()]
    for _ in range(5):
        pair = await auth.log_in(await registered(auth), PASSWORD)
        results = await asyncio.gather(
            *(instance.refresh(pair.refresh_token) for instance in instances * 3),
            return_exceptions=True,
        )
        won = [result for result in results if isinstance(result, TokenPair)]
        lost = [result for result in results if isinstance(result, AppError)]
        assert len(won) == 1
        assert {error.code for error in lost} == {ErrorCode.UNAUTHENTICATED}
        assert len(won) + len(lost) == 6
        with pytest.raises(AppError):
            await auth.refresh(won[0].refresh_token)
        # By an instance that has seen none of it.
        assert await refused(start_auth(), won[0]) is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize("setting", ["jwt_refresh_token_seconds", "jwt_session_seconds"])
async def test_a_session_that_is_over_is_not_refreshed(start_auth: Start, setting: str) -> None:
    auth = start_auth(**{setting: 0})
    pair = await auth.log_in(await registered(auth), PASSWORD)
    with pytest.raises(AppError) as raised:
        await auth.refresh(pair.refresh_token)
    assert raised.value.code is ErrorCode.UNAUTHENTICATED


async def test_refreshing_prolongs_a_session_up_to_its_longest_time(
    start_auth: Start, database: Database
) -> None:
    auth = start_auth(jwt_refresh_token_seconds=100)
    pair = await auth.log_in(await registered(auth), PASSWORD)
    before = await family_of(database, pair)
    pair = await auth.refresh(pair.refresh_token)
    after = await family_of(database, pair)
    assert before is not None
    assert after is not None
    assert before.expires_at < after.expires_at
    pair = await start_auth(jwt_session_seconds=50).refresh(pair.refresh_token)
    last = await family_of(database, pair)
    assert last is not None
    assert last.expires_at == last.created_at + timedelta(seconds=50)


async def test_a_disabled_account_neither_logs_in_nor_goes_on(auth: Auth) -> None:
    email = await registered(auth)
    pair = await auth.log_in(email, PASSWORD)
    await auth.accounts.set_disabled(email, True)
    assert await refused(auth, pair) is ErrorCode.UNAUTHENTICATED
    for attempt in (auth.refresh(pair.refresh_token), auth.log_in(email, PASSWORD)):
        with pytest.raises(AppError) as raised:
            await attempt
        assert raised.value.code is ErrorCode.UNAUTHENTICATED
    await auth.accounts.set_disabled(email, False)
    await caller(auth, await auth.log_in(email, PASSWORD))


async def test_a_login_cannot_outrun_the_disabling_of_its_account(auth: Auth) -> None:
    email = await registered(auth)
    for _ in range(5):
        logins = [asyncio.create_task(auth.log_in(email, PASSWORD)) for _ in range(4)]
        await asyncio.sleep(0.03)
        await auth.accounts.set_disabled(email, True)
        for result in await asyncio.gather(*logins, return_exceptions=True):
            if isinstance(result, TokenPair):
                assert await refused(auth, result) is ErrorCode.UNAUTHENTICATED
            else:
                assert isinstance(result, AppError)
        await auth.accounts.set_disabled(email, False)


async def test_another_role_needs_another_login(auth: Auth) -> None:
    email = await registered(auth)
    pair = await auth.log_in(email, PASSWORD)
    assert (await caller(auth, pair)).roles == {Role.MEMBER}
    await auth.accounts.set_role(email, Role.VIEWER)
    assert await refused(auth, pair) is ErrorCode.UNAUTHENTICATED
    pair = await auth.log_in(email, PASSWORD)
    assert (await caller(auth, pair)).roles == {Role.VIEWER}
    assert pair.scope == "orders:read"


async def test_sessions_of_long_ago_are_forgotten(
    auth: Auth, start_auth: Start, database: Database
) -> None:
    email = await registered(auth)
    old = await start_auth(jwt_refresh_token_seconds=-2 * 24 * 3600).log_in(email, PASSWORD)
    new = await auth.log_in(email, PASSWORD)
    assert await family_of(database, old) is None
    assert await family_of(database, new) is not None


async def test_refreshing_has_a_strict_limit(
    auth: Auth, start_auth: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = await auth.log_in(await registered(auth), PASSWORD)
    monkeypatch.setenv("RATE_LIMIT_LOGIN_ACCOUNT", "3/hour")
    limited = start_auth()
    for _ in range(3):
        pair = await limited.refresh(pair.refresh_token)
    with pytest.raises(AppError) as raised:
        await limited.refresh(pair.refresh_token)
    assert raised.value.code is ErrorCode.RATE_LIMITED


async def test_all_families_end_while_tokens_of_theirs_are_renewed(
    auth: Auth, database: Database
) -> None:
    pair = await auth.log_in(await registered(auth), PASSWORD)
    principal, family = await caller(auth, pair), await family_of(database, pair)
    assert family is not None
    handles, stop = [family.handle_hash], asyncio.Event()

    async def renew(number: int) -> None:
        while not stop.is_set():
            try:
                async with database.unit_of_work() as work:
                    families = TokenFamilies(work)
                    found = await families.with_handle(handles[number % len(handles)])
                    assert found is not None
                    await families.rotate(found, os.urandom(32), found.expires_at)
            except AppError as error:
                # Who renews may lose against who revokes; who revokes must not.
                if error.code is not ErrorCode.CONFLICT:
                    raise
            await asyncio.sleep(0.01)

    renewing = [asyncio.create_task(renew(number)) for number in range(6)]
    try:
        for _ in range(10):
            others = [
                replace(
                    family, id=new_uuid(), handle_hash=os.urandom(32), token_hash=os.urandom(32)
                )
                for _ in range(6)
            ]
            async with database.unit_of_work() as work:
                for other in others:
                    await TokenFamilies(work).add(other)
            handles[:] = [other.handle_hash for other in others]
            await asyncio.sleep(0.02)
            await auth.revoke_all(principal)
            async with database.unit_of_work(read_only=True) as work:
                ended = [await TokenFamilies(work).with_handle(handle) for handle in handles]
            assert all(found and found.revoked_at for found in ended)
    finally:
        stop.set()
        await asyncio.gather(*renewing)
