"""The addresses of the operations endpoints, which stay open when the service is at its limits."""

OPERATIONS = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
