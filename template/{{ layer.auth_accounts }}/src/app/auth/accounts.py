"""Accounts: how they begin, change and end."""

from collections.abc import Awaitable, Callable
from typing import Literal
from uuid import UUID

from app.auth.attempts import Attempts
from app.auth.authentication import invalid_credentials
from app.auth.model import User
from app.auth.passwords import Passwords, check_new_password
from app.auth.principal import Principal, Role
from app.auth.users import Users
from app.db import Database, UnitOfWork
from app.db.idempotency import IdempotencyRecords
from app.errors import AppError, ErrorCode, FieldFault
from app.platform.audit import audit
from app.platform.clock import now
from app.platform.context import context
from app.platform.idempotency import IdempotencyKey
from app.platform.ids import new_uuid
from app.platform.metrics import auth_events

EndSessions = Callable[[UnitOfWork, UUID, UUID | None], Awaitable[None]]
"""Ends what the logins of an account began, but for the session that is named last."""

OPERATOR = Principal(subject="operator", kind="machine", roles=frozenset())
"""Who acts at the command line."""


class Accounts:
    """A change that takes something from an account ends its sessions at once."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        attempts: Attempts,
        end_sessions: EndSessions,
        replay_seconds: int,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts
        self._end_sessions = end_sessions
        self._replay_seconds = replay_seconds

    async def register(self, email: str, password: str, key: IdempotencyKey | None = None) -> bool:
        """Make a member; an address that has an account keeps it, and nobody is told.

        `email` is normalised. Both cases take the same steps, and so the same time. Returns whether
        an earlier call with the idempotency key has done it. Limited as logins are, and by
        account counted apart from them.
        """
        check_new_password(password, email)
        await self._attempts.charge(f"register {email}", context().client_address)
        user = await self._new_user(email, password, Role.MEMBER)
        try:
            outcome = await self._add(user, key)
        except AppError as error:
            if error.code is not ErrorCode.CONFLICT:
                raise
            # The same address is registered at the same moment; by now it is known.
            outcome = await self._add(user, key)
        auth_events.labels("register", outcome).inc()
        return outcome == "replayed"

    async def get(self, principal: Principal) -> User:
        """The caller's own account."""
        async with self._database.unit_of_work(read_only=True) as work:
            user = await Users(work).get(UUID(principal.subject))
        if user is None:
            raise invalid_credentials("The account does not exist any more")
        return user

    async def change_password(self, principal: Principal, current: str, new: str) -> None:
        """Set a new password and end the caller's other sessions.

        Raises `AppError(VALIDATION_ERROR)` unless `current` is right and `new` may be used.
        """
        user = await self.get(principal)
        await self._attempts.charge(user.email, context().client_address)
        check_new_password(new, user.email, "new_password")
        if not (await self._passwords.verify(user.password_hash, current)).matches:
            async with self._database.unit_of_work() as work:
                await audit(work, "user.change_password", f"user/{user.id}", "failure", principal)
            auth_events.labels("change_password", "failure").inc()
            fault = FieldFault("current_password", "is not correct")
            raise AppError(ErrorCode.VALIDATION_ERROR, details=[fault])
        new_hash = await self._passwords.hash(new)
        keep = None if principal.session_id is None else UUID(principal.session_id)
        async with self._database.unit_of_work() as work:
            if await Users(work).get(user.id, lock=True) != user:
                raise AppError(ErrorCode.CONFLICT, "The account was changed by another request")
            await Users(work).update(user.id, password_hash=new_hash)
            await audit(work, "user.change_password", f"user/{user.id}", principal=principal)
            await self._end_sessions(work, user.id, keep)
        auth_events.labels("change_password", "success").inc()

    async def create_admin(self, email: str, password: str) -> bool:
        """Make an admin; an account that exists becomes one, with this password.

        Returns whether the account is new.
        """
        check_new_password(password, email)
        admin = await self._new_user(email, password, Role.ADMIN)
        async with self._database.unit_of_work() as work:
            user = await Users(work).with_email(email, lock=True)
            if user is None:
                await Users(work).add_if_absent(admin)
            else:
                await Users(work).update(
                    user.id, password_hash=admin.password_hash, role=Role.ADMIN, disabled=False
                )
                await self._end_sessions(work, user.id, None)
            await audit(work, "user.create_admin", f"user/{(user or admin).id}", principal=OPERATOR)
        return user is None

    async def set_role(self, email: str, role: Role) -> None:
        """Give the account another role; raises `AppError(NOT_FOUND)`."""
        await self._change(email, f"user.set_role_{role}", role=role)

    async def set_disabled(self, email: str, disabled: bool) -> None:
        """Refuse the account's logins, or allow them again; raises `AppError(NOT_FOUND)`."""
        action = "user.disable" if disabled else "user.enable"
        await self._change(email, action, disabled=disabled)

    async def _add(
        self, user: User, key: IdempotencyKey | None
    ) -> Literal["success", "known", "replayed"]:
        async with self._database.unit_of_work() as work:
            records = IdempotencyRecords(work)
            if key and await records.claim(key):
                return "replayed"
            added = await Users(work).add_if_absent(user)
            object_ = f"user/{user.id if added else 'known'}"
            await audit(work, "user.register", object_, "success" if added else "failure")
            if key:
                await records.complete(key, b"accepted", self._replay_seconds)
        return "success" if added else "known"

    async def _change(self, email: str, action: str, **values: object) -> None:
        async with self._database.unit_of_work() as work:
            user = await Users(work).with_email(email, lock=True)
            if user is None:
                raise AppError(ErrorCode.NOT_FOUND, "No account has this address")
            await Users(work).update(user.id, **values)
            await audit(work, action, f"user/{user.id}", principal=OPERATOR)
            await self._end_sessions(work, user.id, None)

    async def _new_user(self, email: str, password: str, role: Role) -> User:
        return User(
            id=new_uuid(),
            email=email,
            password_hash=await self._passwords.hash(password),
            role=role,
            disabled=False,
            created_at=now(),
        )
