"""What operators see of a request: log lines, metrics and health."""

import time
from typing import Any
from uuid import uuid4

import pytest

from tests.support.raw import exchange
from tests.support.service import Service

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def logged(service: Service, **wanted: object) -> list[dict[str, Any]]:
    """The events with the fields, given a moment to be written."""
    deadline = time.monotonic() + 20
    while not (events := service.logs(**wanted)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return events


def test_a_request_is_one_line_at_info_with_its_ids(service: Service) -> None:
    request_id = uuid4().hex
    with service.client() as client:
        client.get(
            "/health/live",
            headers={
                "X-Request-ID": request_id,
                "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01",
            },
        )
    (event,) = logged(service, request_id=request_id)
    assert event["level"] == "info"
    assert (event["method"], event["route"], event["status"]) == ("GET", "/health/live", 200)
    assert event["trace_id"] == TRACE_ID
    assert event["span_id"]
    assert event["principal"] is None
    assert 0 < event["duration_ms"] < 5000


def test_a_request_without_a_trace_starts_one(service: Service) -> None:
    request_id = uuid4().hex
    with service.client() as client:
        client.get("/health/live", headers={"X-Request-ID": request_id, "traceparent": "nonsense"})
    (event,) = logged(service, request_id=request_id)
    assert len(event["trace_id"]) == 32
    assert event["trace_id"] != "0" * 32


@pytest.mark.parametrize("state", ["nonsense", "a=1,a=2", ",".join(f"k{n}=1" for n in range(40))])
def test_a_trace_state_that_makes_no_sense_is_no_line_of_its_own(
    service: Service, state: str
) -> None:
    request_id = uuid4().hex
    headers = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01", "tracestate": state}
    with service.client() as client:
        client.get("/health/live", headers={"X-Request-ID": request_id, **headers})
    logged(service, request_id=request_id)
    assert not service.logs(level="warning", logger="opentelemetry.trace.span")


def test_the_start_of_a_request_is_logged_at_debug(narrow_service: Service) -> None:
    request_id = uuid4().hex
    with narrow_service.client() as client:
        client.get("/health/live", headers={"X-Request-ID": request_id})
    assert logged(narrow_service, request_id=request_id, event="request")
    start, end = narrow_service.logs(request_id=request_id)
    assert (start["level"], end["level"]) == ("debug", "info")


def test_what_a_client_sends_cannot_forge_a_line(service: Service) -> None:
    marker = uuid4().hex
    with service.client() as client:
        client.get(f"/{marker}%0d%0a%7b%22event%22:%22forged%22%7d%1b[2J")
        client.get(f"/{marker}/\N{RIGHT-TO-LEFT OVERRIDE}")
    deadline = time.monotonic() + 20
    while service.output().count(marker) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    lines = [line for line in service.output().splitlines() if marker in line]
    assert len(lines) == 2
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert not service.logs(event="forged")


def test_metrics_count_by_route_and_never_by_path(service: Service) -> None:
    with service.client() as client:
        for _ in range(20):
            client.get(f"/{uuid4()}")
        client.get("/health/live")
        exchange(service, b"PURGE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        text = client.get("/metrics").text
    counts = [line for line in text.splitlines() if "duration_seconds_count{" in line]
    http = [line for line in counts if line.startswith("http_server_request")]
    labels = 'http_request_method="{}",http_response_status_code="{}",http_route="{}"'
    for wanted in (("GET", 200, "/health/live"), ("GET", 404, ""), ("_OTHER", 404, "")):
        assert len([line for line in http if labels.format(*wanted) in line]) == 1


@pytest.mark.parametrize(
    "metric",
    [
        "http_server_active_requests",
        "db_client_connection_count",
        "db_client_connection_max",
        "event_loop_lag_seconds",
        "app_build_info",
        "process_resident_memory_bytes",
    ],
)
def test_saturation_and_build_are_measured(service: Service, metric: str) -> None:
    with service.client() as client:
        response = client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    assert f"\n{metric}" in response.text


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_readiness_names_the_parts(service: Service, path: str) -> None:
    with service.client() as client:
        response = client.get(path)
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert response.json()["parts"]["database"] == "ok"


def test_details_of_health_need_a_permission(service: Service) -> None:
    with service.client() as client:
        response = client.get("/health/detailed")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
