"""Metrics of operations, which are not routes."""

from prometheus_client import Counter, Gauge, Histogram

graphql_operation_duration = Histogram(
    "graphql_operation_duration_seconds",
    "Time of one operation; of a subscription, of one event.",
    ["graphql_operation_type", "graphql_field", "code"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2.5, 5, 10),
)
graphql_refused = Counter("graphql_refused", "Operations over a limit.", ["limit"])
graphql_operations_refused = Counter(
    "graphql_operations_refused", "Operations that were not executed.", ["code"]
)
graphql_sockets = Gauge("graphql_sockets", "Open WebSockets.")
graphql_subscriptions = Gauge("graphql_subscriptions", "Subscriptions in progress.")
