"""How the OpenAPI document describes the credentials."""

from typing import Any

from app.auth.cookie import NAME

SECURITY_SCHEMES: dict[str, Any] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": NAME,
        "description": "The cookie that `POST /sessions` sets",
    },
    "csrfToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": (
            "The `csrf_token` of `POST /sessions` or `GET /sessions/current`: "
            "required by every method but GET, HEAD and OPTIONS"
        ),
    },
}
SECURITY: list[dict[str, list[str]]] = [{"session": [], "csrfToken": []}]
READ_SECURITY: list[dict[str, list[str]]] = [{"session": []}]
