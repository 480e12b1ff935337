"""Persisted queries, which clients name by the SHA-256 of their text, and the allow-list."""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import structlog

from app.cache import Cache
from app.errors import AppError, ErrorCode, FieldFault
from app.transport.graphql.errors import refusal
from app.transport.settings import TransportSettings

log = structlog.get_logger()

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES_KEPT = 8192
_FIELD = "extensions.persistedQuery"


class PersistedQueries:
    """Texts that clients have sent before, kept in the cache for `GRAPHQL_PERSISTED_SECONDS`.

    Only a text that is valid within the limits is kept, and no very long one. There are
    `GRAPHQL_MAX_PERSISTED` places, and a text takes that of its hash from whichever had it, so that
    nobody can fill the cache with texts made up. With an allow-list, nothing is kept, and a request
    for any other document is refused.
    """

    def __init__(self, cache: Cache, settings: TransportSettings) -> None:
        self._cache = cache
        self._seconds = settings.graphql_persisted_seconds
        self._places = settings.graphql_max_persisted
        self._allowed = settings.allowed_documents()

    async def text(self, query: str | None, extensions: Mapping[str, Any]) -> tuple[str, bool]:
        """The text that a request means, and whether to `keep` it; raises `RefusedError`."""
        digest = _digest(extensions)
        if self._allowed is not None:
            return self._allow(query, digest), False
        if query is None:
            if digest is None:
                message = "The request must have a query"
                raise AppError(ErrorCode.MALFORMED_REQUEST, message)
            stored = await self._cache.get(self._key(digest)) if self._seconds else None
            if stored is None or sha256(stored).hexdigest() != digest:
                # The words by which clients know that they should send the text as well.
                raise refusal(AppError(ErrorCode.NOT_FOUND, "PersistedQueryNotFound"))
            return stored.decode(), False
        if digest is not None and not hmac.compare_digest(digest, _sha256(query)):
            fault = FieldFault(f"{_FIELD}.sha256Hash", "is not the SHA-256 of the query")
            raise refusal(AppError(ErrorCode.VALIDATION_ERROR, details=[fault]))
        kept = self._seconds > 0 and len(query.encode()) <= _MOST_BYTES_KEPT
        return query, digest is not None and kept

    async def keep(self, text: str) -> None:
        """Keep a text for requests that name it."""
        try:
            await self._cache.set(self._key(_sha256(text)), text.encode(), self._seconds)
        except AppError as error:
            # The client sends it again.
            log.warning("persisted_query_not_kept", error=error.code.name)

    def _key(self, digest: str) -> str:
        return f"graphql:persisted:{int(digest, 16) % self._places}"

    def _allow(self, query: str | None, digest: str | None) -> str:
        assert self._allowed is not None
        text = self._allowed.get((digest if query is None else _sha256(query)) or "")
        if text is None:
            message = "The document is not among those that are allowed"
            raise AppError(ErrorCode.FORBIDDEN, message)
        return text


def _digest(extensions: Mapping[str, Any]) -> str | None:
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    version = persisted.get("version", 1) if isinstance(persisted, dict) else None
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest) or version != 1:
        fault = FieldFault(_FIELD, "must have version 1 and a sha256Hash in lower case")
        raise refusal(AppError(ErrorCode.VALIDATION_ERROR, details=[fault]))
    return digest


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
