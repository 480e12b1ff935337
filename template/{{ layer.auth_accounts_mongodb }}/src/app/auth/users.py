"""Accounts in the database."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from app.auth.model import User
from app.auth.principal import Role
from app.db import UnitOfWork
from app.platform.ids import new_uuid


class Users:
    """Accounts as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._users = work.collection("users")

    async def add_if_absent(self, user: User) -> bool:
        """Whether the account was added: False where its address has one, unchanged.

        CONFLICT where another transaction adds the same address at this moment.
        """
        if await self.with_email(user.email) is not None:
            return False
        values = asdict(user)
        await self._users.insert_one({"_id": values.pop("id"), **values})
        return True

    async def with_email(self, email: str, *, lock: bool = False) -> User | None:
        """The account of a normalised address; `lock` keeps others from changing it."""
        return await self._find({"email": email}, lock=lock)

    async def get(self, user_id: UUID, *, lock: bool = False) -> User | None:
        """The account; `lock` keeps others from changing it."""
        return await self._find({"_id": user_id}, lock=lock)

    async def update(self, user_id: UUID, **values: object) -> None:
        """Change fields of an account."""
        await self._users.update_one({"_id": user_id}, {"$set": values})

    async def _find(self, wanted: dict[str, Any], *, lock: bool) -> User | None:
        if lock:
            # A write, which alone keeps others from writing; each time of another value.
            locked = {"$set": {"locked_by": new_uuid()}}
            found = await self._users.find_one_and_update(wanted, locked)
        else:
            found = await self._users.find_one(wanted)
        if found is None:
            return None
        return User(
            id=found["_id"],
            email=found["email"],
            password_hash=found["password_hash"],
            role=Role(found["role"]),
            disabled=found["disabled"],
            created_at=found["created_at"],
        )
