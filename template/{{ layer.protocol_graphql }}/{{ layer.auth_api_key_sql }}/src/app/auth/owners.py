"""Many clients at once."""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

from sqlalchemy import bindparam, select

from app.auth.store import api_clients
from app.db import UnitOfWork
from app.db.schema import Uuid
from app.db.statement import Statement

_MOST = 128


@cache
def _with_ids(count: int) -> Statement:
    binds = [bindparam(f"id_{number}", type_=Uuid) for number in range(count)]
    return Statement(
        select(api_clients.c.id, api_clients.c.name).where(api_clients.c.id.in_(binds))
    )


async def owners_with_ids(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of the clients that exist, by their ids."""
    found: dict[UUID, str] = {}
    for start in range(0, len(ids), _MOST):
        part = list(ids[start : start + _MOST])
        # In few sizes, so that few statements are prepared; the last id fills them up.
        size = 1 << (len(part) - 1).bit_length()
        filled = part + part[-1:] * (size - len(part))
        values = {f"id_{number}": value for number, value in enumerate(filled)}
        found |= dict(await work.fetch(_with_ids(size), **values))
    return found
