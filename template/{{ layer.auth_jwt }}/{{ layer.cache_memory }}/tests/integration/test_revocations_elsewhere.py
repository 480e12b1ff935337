"""What another process revokes, which has a cache of its own: `app users`, say."""

import asyncio
from collections.abc import Callable

import pytest

from app.auth.service import Auth
from app.errors import ErrorCode
from tests.support.logins import PASSWORD, caller, refused, registered

pytestmark = pytest.mark.anyio


async def test_a_revocation_counts_in_another_process_within_two_seconds(
    auth: Auth, start_auth: Callable[..., Auth]
) -> None:
    other = start_auth()
    pair = await auth.log_in(await registered(auth), PASSWORD)
    await other.start()
    await caller(other, pair)
    await auth.revoke(pair.refresh_token)
    assert await refused(auth, pair) is ErrorCode.UNAUTHENTICATED
    await asyncio.sleep(2.5)
    assert await refused(other, pair) is ErrorCode.UNAUTHENTICATED
