"""The deny list in the cache that all instances share, and what holds while that is away."""

from collections.abc import Callable

import pytest

from app.auth.service import Auth
from app.errors import AppError, ErrorCode
from dev.processes import free_port
from tests.support.logins import PASSWORD, caller, refused, registered

pytestmark = pytest.mark.anyio

Start = Callable[..., Auth]


@pytest.fixture
def cut_off(start_auth: Start, monkeypatch: pytest.MonkeyPatch) -> Auth:
    """Of an instance that alone does not reach the cache."""
    with monkeypatch.context() as changes:
        changes.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
        return start_auth()


async def test_a_revocation_holds_in_every_instance_at_once(auth: Auth, start_auth: Start) -> None:
    other = start_auth()
    pair = await auth.log_in(await registered(auth), PASSWORD)
    await caller(other, pair)
    await auth.revoke(pair.refresh_token)
    assert await refused(other, pair) is ErrorCode.UNAUTHENTICATED
    assert await refused(auth, pair) is ErrorCode.UNAUTHENTICATED


async def test_without_the_cache_no_token_is_accepted(auth: Auth, cut_off: Auth) -> None:
    pair = await auth.log_in(await registered(auth), PASSWORD)
    assert await refused(cut_off, pair) is ErrorCode.DEPENDENCY_UNAVAILABLE


async def test_without_the_cache_nothing_is_revoked_by_half(auth: Auth, cut_off: Auth) -> None:
    pair = await auth.log_in(await registered(auth), PASSWORD)
    with pytest.raises(AppError) as raised:
        await cut_off.revoke(pair.refresh_token)
    assert raised.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE
    await auth.refresh(pair.refresh_token)
