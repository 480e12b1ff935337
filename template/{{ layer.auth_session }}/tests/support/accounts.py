"""Accounts to act as."""

import re
from uuid import uuid4

import httpx2

from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service, run_command

# What production asks for, and what no provider of development sets well enough.
PRODUCTION_SETTINGS = {"PASSWORD_HASH_MEMORY_KIB": "19456", "PASSWORD_HASH_TIME_COST": "2"}
# Credentials cannot be narrowed by scopes.
SCOPED = False
# What a caller is answered while the cache is away.
WITHOUT_CACHE = "OK"
PASSWORD = "violet-otter-cabin-4821"
# Passwords of the tests, ids of sessions and CSRF tokens: what no database may hold.
SECRETS = re.compile(r"otter|teapot|(?<![\w$-])[\w-]{43}(?![\w-])")
_accounts: dict[tuple[str, str], str] = {}


def new_email() -> str:
    """An address that nobody has registered."""
    return f"user-{uuid4().hex}@example.com"


def register(service: Service, email: str, password: str = PASSWORD) -> None:
    """Register a member."""
    body = {"email": email, "password": password}
    with service.client(headers=VERSION_HEADERS) as client:
        client.post(path("/auth/register"), json=body).raise_for_status()


def attempt(client: httpx2.Client, email: str, password: str = PASSWORD) -> httpx2.Response:
    """The answer to a login."""
    return client.post(path("/sessions"), json={"email": email, "password": password})


def headers_of(login: httpx2.Response) -> dict[str, str]:
    """What a client of a session sends: over plain HTTP, Python keeps such a cookie to itself."""
    cookie = login.headers["Set-Cookie"].partition(";")[0]
    return {"Cookie": cookie, "X-CSRF-Token": login.json()["csrf_token"], **VERSION_HEADERS}


def log_in(service: Service, email: str, password: str = PASSWORD) -> dict[str, str]:
    """The headers of a new session of the account."""
    with service.client(headers=VERSION_HEADERS) as client:
        return headers_of(attempt(client, email, password).raise_for_status())


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
    """The headers of a new session of the account, which no scope narrows."""
    assert scope is None
    return log_in(service, account)
