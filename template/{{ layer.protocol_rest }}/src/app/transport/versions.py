"""The versions of the API, each declared once with its state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum


class VersionState(Enum):
    """A deprecated version still answers; one that is gone answers 410."""

    LIVE = "live"
    DEPRECATED = "deprecated"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiVersion:
    """One version: `deprecated_at` and `sunset_at` are required from its deprecation on.

    `link` leads to the migration notes.
    """

    state: VersionState
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None
    link: str | None = None

    def headers(self) -> dict[str, str]:
        """`Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` of a deprecated version."""
        if self.state is VersionState.LIVE:
            return {}
        headers = {}
        if self.deprecated_at:
            headers["Deprecation"] = f"@{int(self.deprecated_at.timestamp())}"
        if self.sunset_at:
            headers["Sunset"] = format_datetime(self.sunset_at.astimezone(UTC), usegmt=True)
        if self.link:
            headers["Link"] = f'<{self.link}>; rel="deprecation"; type="text/html"'
        return headers


VERSIONS: Mapping[str, ApiVersion] = {
    "v1": ApiVersion(state=VersionState.LIVE),
}
CURRENT = "v1"
