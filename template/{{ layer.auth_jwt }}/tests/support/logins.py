"""Accounts, and the callers that their tokens make, without a transport."""

from uuid import uuid4

import pytest

from app.auth.authentication import AuthRequest
from app.auth.principal import Principal
from app.auth.refresh_tokens import TokenPair
from app.auth.service import Auth
from app.errors import AppError, ErrorCode

PASSWORD = "plum otter cabin 47"


async def registered(auth: Auth) -> str:
    """The e-mail address of a new account."""
    email = f"user-{uuid4().hex}@example.com"
    await auth.accounts.register(email, PASSWORD)
    return email


async def caller(auth: Auth, pair: TokenPair) -> Principal:
    """Who calls with the access token; raises `AppError` where it is refused."""
    headers = {"authorization": f"Bearer {pair.access_token}"}
    principal = await auth.authenticator.authenticate(AuthRequest("GET", headers))
    assert principal is not None
    return principal


async def refused(auth: Auth, pair: TokenPair) -> ErrorCode:
    """The error that the access token meets."""
    with pytest.raises(AppError) as raised:
        await caller(auth, pair)
    return raised.value.code
