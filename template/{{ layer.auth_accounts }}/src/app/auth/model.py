"""Accounts."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.auth.principal import Role

MAX_EMAIL_LENGTH = 254
# The pattern of HTML's e-mail input, with a domain of two labels or more. Others, such as those of
# RFC 6531, have their ASCII form for the domain and seldom exist for the local part.
EMAIL_PATTERN = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$"
)
_EMAIL = re.compile(EMAIL_PATTERN)


def normalised_email(text: str) -> str:
    """The address as it is stored, lower-case throughout; raises ValueError unless it is one."""
    email = text.strip().lower()
    if len(email) > MAX_EMAIL_LENGTH or not _EMAIL.fullmatch(email):
        raise ValueError("must be an e-mail address")
    return email


@dataclass(frozen=True, slots=True)
class User:
    """An account; `email` is normalised."""

    id: UUID
    email: str
    password_hash: str
    role: Role
    disabled: bool
    created_at: datetime
