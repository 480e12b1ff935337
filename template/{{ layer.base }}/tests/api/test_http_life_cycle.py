"""How a process ends."""

import signal
import time
from collections.abc import Callable

import httpx2
import pytest

from dev.api import PORTS
from dev.background import BACKGROUND
from dev.processes import free_port
from tests.support.service import Service, run_command


def test_a_stopping_service_is_not_ready_at_once_and_ends_well(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(HTTP_DRAIN_DELAY_SECONDS="0.5")
    with service.client() as client:
        assert client.get("/health/ready").status_code == 200
        service.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        response = client.get("/health/ready")
        assert response.status_code == 503
        assert response.headers["Connection"] == "close"
        assert response.json()["status"] == "draining"
        assert response.json()["error"]["details"] == [{"field": "server", "issue": "draining"}]
        assert client.get("/health/live").status_code == 200
        assert service.process.wait(5) == 0
        with pytest.raises(httpx2.ConnectError):
            client.get("/health/live")
    assert [event["event"] for event in service.logs()][-1] == "stopped"


def test_a_second_signal_stops_now(start_service: Callable[..., Service]) -> None:
    service = start_service(HTTP_DRAIN_DELAY_SECONDS="60")
    service.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 20
    while not service.logs(event="draining") and time.monotonic() < deadline:
        time.sleep(0.02)
    service.send_signal(signal.SIGTERM)
    assert service.process.wait(10) == 128 + signal.SIGTERM


@pytest.mark.parametrize("command", ["serve", *BACKGROUND])
def test_a_port_that_is_taken_is_one_clear_line(service: Service, command: str) -> None:
    port = service.url.rpartition(":")[2]
    free = {name: str(free_port()) for name in PORTS}
    done = run_command(command, env={**service.environment, **free, "PORT": port}, check=False)
    assert done.returncode == 2
    fault = f"PORT: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert done.stderr == f"error: {fault}\n"
