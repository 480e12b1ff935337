"""Settings of passwords."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from app.platform.configuration import SettingsGroup


class PasswordSettings(SettingsGroup):
    """`PASSWORD_*`.

    `password_hash_memory_kib` and `password_hash_time_cost` are argon2id's m and t; logins renew
    hashes that were made with less. At most `password_hash_concurrency` are made at once, and
    `password_hash_queue` wait.
    """

    password_hash_memory_kib: Annotated[int, Field(ge=8, le=1024 * 1024)] = 19 * 1024
    password_hash_time_cost: Annotated[int, Field(ge=1, le=100)] = 2
    password_hash_concurrency: Annotated[int, Field(ge=1)] = 2
    password_hash_queue: Annotated[int, Field(ge=0)] = 50

    def production_faults(self) -> Iterator[str]:
        # The least that OWASP's Password Storage Cheat Sheet offers: 7 MiB, and 5 passes over it.
        if self.password_hash_memory_kib < 7 * 1024:
            yield "PASSWORD_HASH_MEMORY_KIB: must be at least 7168 in production"
        if self.password_hash_memory_kib * self.password_hash_time_cost < 35 * 1024:
            yield "PASSWORD_HASH_TIME_COST: is too low for so little memory"
