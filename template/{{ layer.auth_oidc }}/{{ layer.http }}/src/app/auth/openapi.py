"""How the OpenAPI document describes the credentials."""

from typing import Any

# No `openIdConnect`, whose URL would make the contract another one for each environment.
SECURITY_SCHEMES: dict[str, Any] = {
    "bearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": (
            "An access token from the OpenID provider, made for this API (RFC 6750, RFC 9068), "
            "and checked as RFC8725 advises"
        ),
    }
}
SECURITY: list[dict[str, list[str]]] = [{"bearerAuth": []}]
READ_SECURITY = SECURITY
