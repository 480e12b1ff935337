"""One line of the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Outcome = Literal["success", "failure"]


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what to which object, from where, and how it ended.

    `actor` is the subject of a principal, or empty for an anonymous caller; `object` reads
    `<kind>/<id>`; `scopes` is None where the credential carried none.
    """

    id: UUID
    occurred_at: datetime
    actor: str
    actor_kind: Literal["user", "machine", "anonymous"]
    action: str
    object: str
    outcome: Outcome
    request_id: str
    client_address: str
    scopes: Sequence[str] | None
