"""How attempts at a credential are limited while the cache is away."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from app.auth.attempts import Attempts, AttemptSettings
from app.cache import Cache
from app.cache.settings import CacheSettings
from app.errors import AppError, ErrorCode
from app.platform.gcra import Limit
from app.platform.metrics import rate_limit_decisions
from tests.support.valkey import Valkey

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cache(valkey: Valkey) -> AsyncIterator[Cache]:
    settings = {"redis_url": valkey.url, "cache_timeout_seconds": 0.3}
    cache = Cache(CacheSettings.model_validate(settings))
    yield cache
    await cache.aclose()


async def test_each_process_limits_attempts_by_itself_counted_and_logged_once(
    cache: Cache, valkey: Valkey
) -> None:
    settings = AttemptSettings(rate_limit_login_account=Limit.parse("3/hour"))
    attempts = Attempts(cache, settings)
    counted = rate_limit_decisions.labels("login-account", "fell_back")
    before = counted._value.get()
    valkey.stop()
    with capture_logs() as logs:
        for _ in range(3):
            await attempts.charge("alice@example.com", "192.0.2.1")
        with pytest.raises(AppError) as caught:
            await attempts.charge(" Alice@Example.com", "192.0.2.2")
    assert caught.value.code is ErrorCode.RATE_LIMITED
    assert counted._value.get() == before + 3
    assert [log["event"] for log in logs].count("rate_limit_login_fell_back") == 1
