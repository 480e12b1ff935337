"""Settings of API keys."""

import re
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from app.auth.api_key import PREFIX_PATTERN
from app.auth.attempts import AttemptSettings
from app.project import NAME

DEFAULT_PREFIX = re.sub("[^a-z0-9]", "", NAME)[:16]
DAY = 24 * 3600
Seconds = Annotated[int, Field(gt=0, le=100 * 365 * DAY)]


class AuthSettings(AttemptSettings):
    """`API_KEY_*` and `RATE_LIMIT_LOGIN_*`.

    `api_key_prefix` begins every new key, and tells scanners whose it is: best another one in
    production than elsewhere. A rotated key lives on for `api_key_rotation_overlap_seconds`.
    """

    api_key_prefix: Annotated[str, Field(pattern=PREFIX_PATTERN)] = DEFAULT_PREFIX
    api_key_max_lifetime_seconds: Seconds = 365 * DAY
    api_key_lifetime_seconds: Seconds = 90 * DAY
    api_key_rotation_overlap_seconds: Annotated[int, Field(ge=0)] = DAY

    @field_validator("api_key_lifetime_seconds")
    @classmethod
    def _within_the_longest(cls, seconds: int, info: ValidationInfo) -> int:
        if seconds > info.data.get("api_key_max_lifetime_seconds", seconds):
            raise ValueError("must not be more than API_KEY_MAX_LIFETIME_SECONDS")
        return seconds
