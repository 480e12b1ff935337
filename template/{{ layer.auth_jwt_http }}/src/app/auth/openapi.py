"""How the OpenAPI document describes the credentials."""

from typing import Any

SECURITY_SCHEMES: dict[str, Any] = {
    "bearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": (
            "An access token from `POST /auth/token`, valid for 15 minutes (RFC 6750), "
            "made and checked as RFC8725 advises"
        ),
    }
}
SECURITY: list[dict[str, list[str]]] = [{"bearerAuth": []}]
READ_SECURITY = SECURITY
