"""Who logs in, by address and password."""

from dataclasses import dataclass
from typing import NoReturn

from app.auth.attempts import Attempts
from app.auth.authentication import invalid_credentials
from app.auth.model import User, normalised_email
from app.auth.passwords import Passwords
from app.auth.users import Users
from app.db import Database, UnitOfWork
from app.errors import AppError, ErrorCode
from app.platform.audit import audit
from app.platform.context import context
from app.platform.metrics import auth_events


@dataclass(frozen=True, slots=True)
class Login:
    """An account whose password is right; `new_hash` replaces one of weaker parameters."""

    user: User
    new_hash: str | None


class Logins:
    """Checks logins, in two steps: the slow one needs no transaction."""

    def __init__(self, database: Database, passwords: Passwords, attempts: Attempts) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts

    async def verify(self, email: str, password: str) -> Login:
        """The account of an address and its password.

        An unknown account, a wrong password and a disabled account are one and the same
        `AppError(UNAUTHENTICATED)`, after the same time.
        """
        await self._attempts.charge(email, context().client_address)
        user = await self._find(email)
        stored = None if user is None else user.password_hash
        verified = await self._passwords.verify(stored, password)
        if user is None or not verified.matches or user.disabled:
            await self._refuse(user)
        new_hash = await self._passwords.hash(password) if verified.outdated else None
        return Login(user, new_hash)

    async def complete(self, work: UnitOfWork, login: Login) -> None:
        """Take up the login; `AppError(CONFLICT)` where the account was changed meanwhile."""
        users, user = Users(work), login.user
        if await users.get(user.id, lock=True) != user:
            raise AppError(ErrorCode.CONFLICT, "The account was changed during the login")
        if login.new_hash is not None:
            await users.update(user.id, password_hash=login.new_hash)

    async def _find(self, email: str) -> User | None:
        try:
            address = normalised_email(email)
        except ValueError:
            return None
        async with self._database.unit_of_work(read_only=True) as work:
            return await Users(work).with_email(address)

    async def _refuse(self, user: User | None) -> NoReturn:
        auth_events.labels("login", "failure").inc()
        async with self._database.unit_of_work() as work:
            await audit(work, "auth.login", f"user/{user.id if user else 'unknown'}", "failure")
        raise invalid_credentials("The address or the password is not correct")
