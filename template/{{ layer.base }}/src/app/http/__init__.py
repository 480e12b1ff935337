"""The HTTP server, and what every request passes before its endpoint."""
