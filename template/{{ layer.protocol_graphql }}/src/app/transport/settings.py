"""Settings of the protocol."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from app.platform.configuration import SettingsGroup


class TransportSettings(SettingsGroup):
    """`GRAPHQL_*`: what a document may ask for, and how many sockets and subscriptions there are.

    `HTTP_DOCS_ENABLED` is about `/docs`, `/openapi.json`, introspection, and suggestions in errors:
    outside of production, unless set. A request of the rate limits pays for
    `graphql_cost_per_request`.
    With `graphql_allowed_documents`, a JSON file of documents by name, no other is executed.
    """

    http_docs_enabled: bool | None = None
    graphql_max_depth: PositiveInt = 10
    graphql_max_aliases: PositiveInt = 30
    # What a thousand tokens need, with names, indentation and texts; read in ten milliseconds.
    graphql_max_length: PositiveInt = 65_536
    graphql_max_tokens: PositiveInt = 1000
    graphql_max_cost: PositiveInt = 10_000
    graphql_max_batch: PositiveInt = 10
    graphql_max_page: int = Field(100, ge=20)
    graphql_cost_per_request: PositiveInt = 1000
    graphql_persisted_seconds: int = Field(86_400, ge=0)
    # Of at most 8 KiB each: 32 MiB of the cache.
    graphql_max_persisted: PositiveInt = 4096
    graphql_allowed_documents: Path | None = None
    graphql_max_sockets: PositiveInt = 1000
    graphql_max_sockets_per_principal: PositiveInt = 20
    graphql_max_subscriptions: PositiveInt = 1000
    graphql_max_subscriptions_per_principal: PositiveInt = 100
    graphql_max_operations_per_socket: PositiveInt = 20
    graphql_init_timeout_seconds: PositiveFloat = 5
    graphql_recheck_seconds: PositiveFloat = 10

    @field_validator("graphql_allowed_documents")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None:
            _read_documents(path)
        return path

    def allowed_documents(self) -> dict[str, str] | None:
        """The documents of the file by the SHA-256 of their text; None allows all."""
        if self.graphql_allowed_documents is None:
            return None
        texts = _read_documents(self.graphql_allowed_documents).values()
        return {sha256(text.encode()).hexdigest(): text for text in texts}


def _read_documents(path: Path) -> dict[str, str]:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ValueError("must be a JSON file") from None
    if not (isinstance(found, dict) and all(isinstance(text, str) for text in found.values())):
        raise ValueError("must hold an object of names and documents")
    return found
