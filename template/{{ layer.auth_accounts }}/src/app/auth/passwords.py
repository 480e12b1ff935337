"""Passwords: which are accepted, and how they are hashed (argon2id)."""

import asyncio
import base64
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.auth.common_passwords import is_common
from app.auth.password_settings import PasswordSettings
from app.errors import AppError, ErrorCode, FieldFault

MIN_LENGTH = 12
MAX_LENGTH = 128

_Result = TypeVar("_Result")


class Verification(NamedTuple):
    """`outdated` hashes were made with weaker parameters than today's."""

    matches: bool
    outdated: bool


def check_new_password(password: str, email: str, field: str = "password") -> None:
    """Raise `AppError(VALIDATION_ERROR)` on `field` where the password is not to be used."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        issue = f"must have {MIN_LENGTH} to {MAX_LENGTH} characters"
    elif is_common(password, email, email.partition("@")[0]):
        issue = "is too easily guessed: choose another one, such as several unrelated words"
    else:
        return
    raise AppError(ErrorCode.VALIDATION_ERROR, details=[FieldFault(field, issue)])


class Passwords:
    """Hashes and verifies in threads; where too many wait, raises `AppError(OVERLOADED)`."""

    def __init__(self, settings: PasswordSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.password_hash_time_cost,
            memory_cost=settings.password_hash_memory_kib,
            parallelism=1,
        )
        threads = settings.password_hash_concurrency
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._limit = threads + settings.password_hash_queue
        self._pending = 0
        self._unmatchable = _unmatchable_hash(self._hasher)

    async def hash(self, password: str) -> str:
        """A hash to store, with its salt and parameters."""
        return await self._run(self._hasher.hash, _prepared(password))

    async def verify(self, stored: str | None, password: str) -> Verification:
        """Compare with a stored hash; without one it takes as long, and never matches."""
        return await self._run(self._verify, stored or self._unmatchable, _prepared(password))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: bytes) -> Verification:
        try:
            self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return Verification(matches=False, outdated=False)
        return Verification(matches=True, outdated=self._hasher.check_needs_rehash(stored))

    async def _run(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        if self._pending >= self._limit:
            raise AppError(ErrorCode.OVERLOADED, retry_after=1)
        self._pending += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, function, *arguments)
        finally:
            self._pending -= 1


def _prepared(password: str) -> bytes:
    # NFKC, so that a password is the same from every keyboard (NIST SP 800-63B).
    return unicodedata.normalize("NFKC", password).encode()


def _unmatchable_hash(hasher: PasswordHasher) -> str:
    """A hash with the hasher's parameters of no password at all: its digest is random."""
    salt, digest = (
        base64.b64encode(os.urandom(length)).rstrip(b"=").decode()
        for length in (hasher.salt_len, hasher.hash_len)
    )
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${parameters}${salt}${digest}"
