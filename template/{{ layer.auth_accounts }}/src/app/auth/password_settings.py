"""Settings of passwords."""

from typing import Annotated

from pydantic import Field

from app.platform.configuration import SettingsGroup


class PasswordSettings(SettingsGroup):
    """`PASSWORD_*`.

    At most `password_hash_concurrency` are hashed at once, each in 19 MiB, and
    `password_hash_queue` wait.
    """

    password_hash_concurrency: Annotated[int, Field(ge=1)] = 2
    password_hash_queue: Annotated[int, Field(ge=0)] = 50
