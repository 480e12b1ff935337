"""API keys as JSON."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.auth.api_key import FORM, NAME_PATTERN, ApiKey
from app.auth.keys import IssuedKey, KeyRequest
from app.auth.principal import Permission, Role
from app.transport.optional import Omittable
from app.transport.pagination import PageQuery, PaginationOut

ClientName = Annotated[
    str,
    Field(
        max_length=64,
        pattern=NAME_PATTERN,
        description="The client that the key is for, which begins with its first one",
    ),
]
Lifetime = Annotated[
    int, Field(ge=1, le=2**31 - 1, description="Seconds that the key lasts; some days unless given")
]
_Scopes = Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))]


class CreateApiKey(BaseModel):
    """A new key; `scopes` narrow what the role grants."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"client": "billing", "role": "member", "scopes": ["orders:read"]}]
        },
    )

    client: ClientName
    role: Role
    scopes: _Scopes | None = None
    expires_in: Lifetime | None = None

    def to_request(self) -> KeyRequest:
        scopes = None if self.scopes is None else frozenset(self.scopes)
        return KeyRequest(self.client, self.role, scopes, self.expires_in)


class RotateApiKey(BaseModel):
    """`overlap` is for how many seconds more the old key may be used."""

    model_config = ConfigDict(extra="forbid")

    overlap: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    expires_in: Lifetime | None = None


class ClientOut(BaseModel):
    """Who keys belong to; what is made with any of them belongs to `id`."""

    id: UUID
    name: Annotated[str, Field(max_length=64, pattern=NAME_PATTERN)]


class ApiKeyOut(BaseModel):
    """What is known of a key. `scopes` is null for all that the role grants."""

    id: UUID
    client: ClientOut
    role: Role
    scopes: _Scopes | None
    permissions: Annotated[list[Permission], Field(max_length=len(Permission))]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls.model_validate(_values(key))


class IssuedApiKeyOut(ApiKeyOut):
    """A new key. `key` is told this once, and null where a request is repeated."""

    key: Annotated[str, Field(max_length=128, pattern=f"^{FORM.pattern}$")] | None

    @classmethod
    def issued(cls, issued: IssuedKey) -> Self:
        return cls.model_validate({**_values(issued.key), "key": issued.text})


class ApiKeyListOut(BaseModel):
    data: Annotated[list[ApiKeyOut], Field(max_length=100)]
    pagination: PaginationOut


class ApiKeyListQuery(PageQuery):
    """Which keys to list: those of a client, or all."""

    client: Omittable[Annotated[str, Field(max_length=64)]] = None


def _values(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "client": {"id": key.client.id, "name": key.client.name},
        "role": key.role,
        "scopes": None if key.scopes is None else sorted(key.scopes),
        "permissions": sorted(key.permissions),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
