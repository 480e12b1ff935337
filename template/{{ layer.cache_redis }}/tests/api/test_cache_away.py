"""What clients meet while the cache server is lost or frozen."""

import time
from collections.abc import Callable

from tests.support.accounts import WITHOUT_CACHE, sign_in
from tests.support.probe import Answer, probing
from tests.support.service import Service, seconds_until, seconds_until_true
from tests.support.valkey import Valkey

# It is ready while those are answered who have proved who they are.
READY_WITHOUT_CACHE = 200 if WITHOUT_CACHE == "OK" else 503


def test_requests_are_answered_in_time_and_the_service_recovers(
    start_service: Callable[..., Service], valkey: Valkey
) -> None:
    service = start_service(REDIS_URL=valkey.url, CACHE_TIMEOUT_SECONDS="0.4")
    with (
        probing(service, sign_in(service)) as member,
        probing(service) as anonymous,
        service.client() as client,
    ):
        assert member() == Answer("OK", limited=True)
        for away, back in [(valkey.freeze, valkey.thaw), (valkey.stop, valkey.start)]:
            away()

            started = time.monotonic()
            assert member().code == WITHOUT_CACHE
            assert time.monotonic() - started < 2
            assert anonymous() == Answer("UNAUTHENTICATED", limited=False)

            assert client.get("/health/live").status_code == 200
            time.sleep(1.1)  # longer than what was found before is kept
            assert client.get("/health/ready").status_code == READY_WITHOUT_CACHE

            back()
            assert seconds_until_true(lambda: member() == Answer("OK", limited=True)) < 5
            assert seconds_until(200, client, "/health/ready") < 5
    assert len(service.logs(event="cache_lost")) == 2
    assert len(service.logs(event="rate_limit_failed_open")) == 1
