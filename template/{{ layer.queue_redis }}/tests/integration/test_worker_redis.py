"""What the worker and the service make of a broker that is lost or frozen."""

from collections.abc import Callable

from tests.support.service import Service, seconds_until
from tests.support.valkey import Valkey


def test_a_worker_without_its_broker_lives_and_is_not_ready(
    start_worker: Callable[..., Service], valkey: Valkey
) -> None:
    worker = start_worker(BROKER_URL=valkey.url)
    with worker.client() as client:
        for away, back in [(valkey.freeze, valkey.thaw), (valkey.stop, valkey.start)]:
            away()
            assert seconds_until(503, client, "/health/ready") < 5
            (failing,) = client.get("/health/ready").json()["error"]["details"]
            assert failing["field"] == "queue"
            assert client.get("/health/live").status_code == 200
            back()
            assert seconds_until(200, client, "/health/ready") < 5
    assert worker.stop() == 0


def test_the_service_is_ready_without_a_broker(
    start_service: Callable[..., Service], valkey: Valkey
) -> None:
    valkey.stop()
    service = start_service(BROKER_URL=valkey.url)
    with service.client() as client:
        assert client.get("/health/ready").status_code == 200
