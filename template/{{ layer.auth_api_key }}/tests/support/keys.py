"""Keys to call with, made as an operator makes them."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from typer.testing import CliRunner

from app.auth.api_key import KeyText
from app.cli import cli
from tests.support.service import Service


def new_client(role: str = "member") -> str:
    """The name of a client that does not exist yet, which begins with its role."""
    return f"{role}-{uuid4().hex}"


def new_key(
    service: Service, client: str, role: str = "member", scope: str | None = None, *options: str
) -> str:
    """A new key of the client; `scope` narrows what its role grants."""
    scopes = (f"--scope={name}" for name in (scope or "").split())
    return command(service, "create", client, "--role", role, *scopes, *options)


def command(service: Service, *arguments: str) -> str:
    """What `app api-keys ARGUMENTS` prints.

    It runs in this process, which takes a tenth of the time of a process of its own, and in a
    thread, as the test may have an event loop.
    """
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(
            CliRunner().invoke, cli, ["api-keys", *arguments], env=service.environment
        )
    done = run.result()
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def id_of(key: str) -> UUID:
    """The id in a key."""
    parsed = KeyText.parse(key)
    assert parsed is not None
    return parsed.id
