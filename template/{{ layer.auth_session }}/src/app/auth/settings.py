"""Settings of sessions and passwords."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from app.auth.attempts import AttemptSettings
from app.auth.password_settings import PasswordSettings

Seconds = Annotated[int, Field(gt=0, le=365 * 24 * 3600)]


class AuthSettings(PasswordSettings, AttemptSettings):
    """`SESSION_*`, `PASSWORD_*` and `RATE_LIMIT_LOGIN_*`.

    A session ends once it was not used for `session_idle_seconds`, and after
    `session_absolute_seconds` in any case. `session_cookie_secure` is for development alone: off,
    the cookie also reaches the browsers and clients that send no `Secure` one over plain HTTP.
    """

    session_idle_seconds: Seconds = 30 * 60
    session_absolute_seconds: Seconds = 12 * 3600
    session_cookie_secure: bool = True

    def production_faults(self) -> Iterator[str]:
        if not self.session_cookie_secure:
            yield "SESSION_COOKIE_SECURE: must be on"
        yield from super().production_faults()
