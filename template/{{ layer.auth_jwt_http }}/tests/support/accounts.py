"""Accounts to act as."""

from uuid import uuid4

from typer.testing import CliRunner

from app.cli import cli
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service

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


def register(service: Service, email: str, password: str = PASSWORD) -> None:
    """Register a member."""
    body = {"email": email, "password": password}
    with service.client(headers=VERSION_HEADERS) as client:
        client.post(path("/auth/register"), json=body).raise_for_status()


def log_in(
    service: Service, email: str, password: str = PASSWORD, scope: str | None = None
) -> dict[str, str]:
    """The token response of a password login, `scope` narrowing what it may do."""
    form = {"grant_type": "password", "username": email, "password": password}
    if scope is not None:
        form["scope"] = scope
    with service.client(headers=VERSION_HEADERS) as client:
        answer = client.post(path("/auth/token"), data=form).raise_for_status()
        tokens: dict[str, str] = answer.json()
        return tokens


def sign_in(service: Service, role: str = "member", scope: str | None = None) -> dict[str, str]:
    """The headers of a new session.

    A member is a new account each time. The other roles, which only the command line can give, have
    one account each.
    """
    if role == "member":
        email = new_email()
        register(service, email)
    else:
        email = _account(service, role)
    token = log_in(service, email, scope=scope)["access_token"]
    return {"Authorization": f"Bearer {token}", **VERSION_HEADERS}


def _account(service: Service, role: str) -> str:
    key = (role, service.environment["DATABASE_URL"])
    if key not in _accounts:
        email = _accounts[key] = new_email()
        if role == "admin":
            _command(service, "create-admin", email, text=PASSWORD)
        else:
            register(service, email)
            _command(service, "users", "set-role", email, role)
    return _accounts[key]


def _command(service: Service, *arguments: str, text: str = "") -> None:
    """Run a command in this process, which takes a tenth of the time of a process of its own."""
    done = CliRunner().invoke(cli, arguments, input=text, env=service.environment)
    assert done.exit_code == 0, done.output
