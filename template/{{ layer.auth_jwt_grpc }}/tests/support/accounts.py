"""Accounts to act as."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import grpc

from app.proto.auth.v1 import auth_pb2
from app.proto.auth.v1.auth_pb2_grpc import AuthServiceStub
from tests.support.calls import Client, calling
from tests.support.service import Service, run_command

# What production asks for beside the keys, and what no provider of development sets well enough.
PRODUCTION_SETTINGS = {
    "JWT_ISSUER": "https://api.example.com",
    "JWT_AUDIENCE": "api",
    "PASSWORD_HASH_MEMORY_KIB": "19456",
    "PASSWORD_HASH_TIME_COST": "2",
}
PASSWORD = "violet-otter-cabin-4821"
_accounts: dict[tuple[str, str], str] = {}


def new_email() -> str:
    """An address that nobody has registered."""
    return f"user-{uuid4().hex}@example.com"


def auth_stub(channel: grpc.Channel) -> AuthServiceStub:
    """The stub, typed for a channel that is not asynchronous."""
    return AuthServiceStub(channel)


@contextmanager
def authenticating(service: Service) -> Iterator[AuthServiceStub]:
    """The service of accounts, for an anonymous caller."""
    with calling(service) as client:
        yield auth_stub(client.channel)


def register(service: Service, email: str, password: str = PASSWORD) -> None:
    """Register a member."""
    with authenticating(service) as auth:
        auth.Register(auth_pb2.RegisterRequest(email=email, password=password))


def log_in(
    service: Service, email: str, password: str = PASSWORD, scope: str = ""
) -> auth_pb2.TokenPair:
    """The tokens of a password login, `scope` narrowing what they may do."""
    with authenticating(service) as auth:
        return auth.LogIn(auth_pb2.LogInRequest(email=email, password=password, scope=scope))


def sign_in(service: Service, role: str = "member", scope: str = "") -> dict[str, str]:
    """The headers of a new session.

    A member is a new account each time. The other roles, which only the command line can give, have
    one account each.
    """
    if role == "member":
        email = new_email()
        register(service, email)
    else:
        email = _account(service, role)
    token = log_in(service, email, scope=scope).access_token
    return {"Authorization": f"Bearer {token}"}


def _account(service: Service, role: str) -> str:
    key = (role, service.environment["DATABASE_URL"])
    if key not in _accounts:
        email = _accounts[key] = new_email()
        if role == "admin":
            run_command("create-admin", email, env=service.environment, text=PASSWORD)
        else:
            register(service, email)
            run_command("users", "set-role", email, role, env=service.environment)
    return _accounts[key]


def end_sessions(client: Client) -> None:
    """Revoke what the client's credentials were given for."""
    auth_stub(client.channel).RevokeAllTokens(auth_pb2.RevokeAllTokensRequest())
