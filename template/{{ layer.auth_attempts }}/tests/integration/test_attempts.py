"""How attempts at a credential are limited, on the configured cache."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app.auth.attempts import Attempts, AttemptSettings
from app.cache import Cache
from app.cache.settings import CacheSettings
from app.errors import AppError, ErrorCode
from app.platform.gcra import Limit

pytestmark = pytest.mark.anyio


@pytest.fixture
async def attempts(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Attempts]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CACHE_KEY_PREFIX", f"test-{uuid4()}:")
    monkeypatch.setenv("RATE_LIMIT_ENABLED", "false")
    monkeypatch.setenv("RATE_LIMIT_LOGIN_ACCOUNT", "2/hour")
    monkeypatch.setenv("RATE_LIMIT_LOGIN_ADDRESS", "3/hour")
    settings = AttemptSettings.load()
    assert settings.rate_limit_login_account == Limit(2, 3600, 2)
    cache = Cache(CacheSettings.load())
    yield Attempts(cache, settings)
    await cache.aclose()


async def test_an_account_is_limited_wherever_it_is_tried_from(attempts: Attempts) -> None:
    await attempts.charge("alice@example.com", "192.0.2.1")
    await attempts.charge("ALICE@example.com ", "192.0.2.2")
    with pytest.raises(AppError) as refused:
        await attempts.charge("alice@example.com", "192.0.2.3")
    assert refused.value.code is ErrorCode.RATE_LIMITED
    assert refused.value.retry_after == pytest.approx(1800, abs=5)
    await attempts.charge("bob@example.com", "192.0.2.3")


async def test_an_address_is_limited_whatever_is_tried_from_it(attempts: Attempts) -> None:
    for account in ("alice", "bob", "carol"):
        await attempts.charge(account, "192.0.2.1")
    with pytest.raises(AppError) as refused:
        await attempts.charge("dave", "192.0.2.1")
    assert refused.value.headers["RateLimit-Policy"].startswith('"login-address";q=3')
    await attempts.charge("dave", "192.0.2.2")
