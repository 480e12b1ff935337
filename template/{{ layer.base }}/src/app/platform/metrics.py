"""Every Prometheus metric of the service; one process per container, so no multiprocess mode."""

import platform
from collections.abc import Callable
from typing import Protocol

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# A time series of the moment when each other series began would only double their number.
disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2.5, 5, 10)

http_request_duration = Histogram(
    "http_server_request_duration_seconds",
    "Time from the head of the request to the end of the response.",
    ["http_request_method", "http_route", "http_response_status_code"],
    buckets=SECONDS,
)
http_active_requests = Gauge("http_server_active_requests", "Requests in progress.")
http_refused = Counter(
    "http_server_refused", "Requests refused before any work was done.", ["reason"]
)
api_version_requests = Counter("api_version_requests", "Requests by API version.", ["version"])

db_connections = Gauge("db_client_connection_count", "Connections of the pool.", ["state"])
db_connections_max = Gauge("db_client_connection_max", "Most connections of the pool.")

event_loop_lag = Gauge(
    "event_loop_lag_seconds", "How late a timer of the event loop fired at the last sample."
)

rate_limit_decisions = Counter(
    "rate_limit_decisions", "Decisions of the rate limiter.", ["scope", "outcome"]
)
auth_events = Counter("auth_events", "Logins, refreshes and the like.", ["event", "outcome"])

http_client_request_duration = Histogram(
    "http_client_request_duration_seconds",
    "Time of outbound calls, each attempt for itself.",
    ["server_address", "http_request_method", "http_response_status_code"],
    buckets=SECONDS,
)
http_client_retries = Counter("http_client_retries", "Repeated outbound calls.", ["server_address"])
circuit_breaker_state = Gauge(
    "circuit_breaker_state", "0 closed, 1 half open, 2 open.", ["server_address"]
)
circuit_breaker_transitions = Counter(
    "circuit_breaker_transitions", "Changes of state.", ["server_address", "state"]
)
bulkhead_in_flight = Gauge("bulkhead_in_flight", "Outbound calls in progress.", ["server_address"])
bulkhead_refused = Counter(
    "bulkhead_refused", "Outbound calls refused, too many in progress.", ["server_address"]
)

queue_depth = Gauge("queue_depth", "Messages by state.", ["state"])
queue_oldest_message_age = Gauge(
    "queue_oldest_message_age_seconds", "Age of the oldest pending message."
)
queue_deliveries = Counter("queue_deliveries", "Handled deliveries.", ["topic", "outcome"])
queue_delivery_attempts = Histogram(
    "queue_delivery_attempts",
    "Attempts that a message took until done or dead.",
    buckets=(1, 2, 3, 5, 8, 13),
)
queue_delivery_duration = Histogram(
    "queue_delivery_duration_seconds", "Time of one delivery.", ["topic"], buckets=SECONDS
)

app_build_info = Gauge("app_build_info", "Always 1.", ["version", "commit", "python"])


class PoolStatus(Protocol):
    """What is measured of a connection pool."""

    @property
    def used(self) -> int: ...
    @property
    def idle(self) -> int: ...
    @property
    def maximum(self) -> int: ...


def watch_pool(status: Callable[[], PoolStatus]) -> None:
    """Read the database pool at each scrape."""
    db_connections.labels("used").set_function(lambda: status().used)
    db_connections.labels("idle").set_function(lambda: status().idle)
    db_connections_max.set_function(lambda: status().maximum)


def set_build_info(version: str, commit: str) -> None:
    app_build_info.labels(version, commit, platform.python_version()).set(1)
