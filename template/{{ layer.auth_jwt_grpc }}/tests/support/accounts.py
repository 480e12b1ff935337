"""Accounts to act as."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import grpc

from app.proto.auth.v1 import auth_pb2
from app.proto.auth.v1.auth_pb2_grpc import AuthServiceStub
from tests.support.calls import calling
from tests.support.service import Service, run_command

# What production asks for beside the keys, and what no provider of development sets well enough.
PRODUCTION_SETTINGS = {
    "JWT_ISSUER": "https://api.example.com",
    "JWT_AUDIENCE": "api",
    "PASSWORD_HASH_MEMORY_KIB": "19456",
    "PASSWORD_HASH_TIME_COST": "2",
}
# Credentials can be narrowed by scopes.
SCOPED = True
# What a caller is answered while the cache is away, and what has been revoked is not known.
WITHOUT_CACHE = "DEPENDENCY_UNAVAILABLE"
# What anybody may call, to become known.
PUBLIC_METHODS = {
    f"auth.v1.AuthService/{name}" for name in ("LogIn", "RefreshTokens", "Register", "RevokeToken")
}
PASSWORD = "violet-otter-cabin-4821"
# Passwords of the tests, access and refresh tokens: what no database may hold.
SECRETS = re.compile(r"otter|teapot|eyJ[\w-]+\.|(?<![\w-])[\w-]{65}(?![\w-])")
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


def sign_in(service: Service, role: str = "member", scope: str | None = None) -> dict[str, str]:
    """The headers of a new session of an account with the role: see `account`."""
    return credentials(service, account(service, role), scope)


def account(service: Service, role: str = "member") -> str:
    """An account to act as: a new member each time; of other roles, which take a command, one."""
    if role == "member":
        email = new_email()
        register(service, email)
        return email
    key = (role, service.environment["DATABASE_URL"])
    if key not in _accounts:
        email = _accounts[key] = new_email()
        if role == "admin":
            run_command("create-admin", email, env=service.environment, text=PASSWORD)
        else:
            register(service, email)
            run_command("users", "set-role", email, role, env=service.environment)
    return _accounts[key]


def credentials(service: Service, account: str, scope: str | None = None) -> dict[str, str]:
    """The headers of a new session of the account; `scope` narrows what they allow."""
    token = log_in(service, account, scope=scope or "").access_token
    return {"Authorization": f"Bearer {token}"}


def sign_in_for_a_while(service: Service) -> tuple[dict[str, str], Callable[[], None]]:
    """The headers of a new session, and what ends it."""
    headers = sign_in(service)

    def end() -> None:
        with calling(service, headers) as client:
            auth_stub(client.channel).RevokeAllTokens(auth_pb2.RevokeAllTokensRequest())

    return headers, end
