"""What clients meet while the cache server is lost or frozen."""

import time
from collections.abc import Callable

from tests.support.accounts import sign_in
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service, seconds_until
from tests.support.valkey import Valkey

ME = path("/users/me")


def test_requests_are_answered_in_time_and_the_service_recovers(
    start_service: Callable[..., Service], valkey: Valkey
) -> None:
    service = start_service(REDIS_URL=valkey.url, CACHE_TIMEOUT_SECONDS="0.4")
    with (
        service.client(headers=sign_in(service)) as member,
        service.client(headers=VERSION_HEADERS) as anonymous,
    ):
        assert member.get(ME).status_code == 200
        for away, back in [(valkey.freeze, valkey.thaw), (valkey.stop, valkey.start)]:
            away()

            # Whether the token has been revoked cannot be known; that there is none can.
            started = time.monotonic()
            refused = member.get(ME)
            assert time.monotonic() - started < 2
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "DEPENDENCY_UNAVAILABLE"
            unlimited = anonymous.get(ME)
            assert unlimited.status_code == 401
            assert "X-RateLimit-Limit" not in unlimited.headers

            assert anonymous.get("/health/live").status_code == 200
            assert seconds_until(503, anonymous, "/health/ready") < 2

            back()
            assert seconds_until(200, member, ME) < 5
            assert seconds_until(200, anonymous, "/health/ready") < 5
            assert "X-RateLimit-Limit" in member.get(ME).headers
    assert len(service.logs(event="cache_lost")) == 2
    assert len(service.logs(event="rate_limit_failed_open")) == 1
