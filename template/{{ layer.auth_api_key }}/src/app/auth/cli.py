"""API keys at the command line, where the first one comes from."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from app.auth.api_key import NAME_PATTERN, ApiKey
from app.auth.keys import OPERATOR, IssuedKey, KeyRequest, Keys
from app.auth.principal import Permission, Role
from app.bootstrap import build_service
from app.errors import AppError
from app.platform import clock
from app.settings import Settings

_Result = TypeVar("_Result")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_MOST_DIGITS = 9
_PAGE = 100

api_keys = typer.Typer(no_args_is_help=True, help="Make, replace, end and list API keys.")


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(api_keys, name="api-keys")


def _seconds(text: str) -> int:
    found = re.fullmatch(rf"([0-9]{{1,{_MOST_DIGITS}}})([smhd])", text)
    if found is None:
        raise typer.BadParameter("must be a number and a unit, such as 90d, 12h, 30m or 0s")
    return int(found[1]) * _UNITS[found[2]]


def _lifetime(text: str) -> int:
    seconds = _seconds(text)
    if seconds == 0:
        raise typer.BadParameter("must not be 0")
    return seconds


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise typer.BadParameter("must be lower-case letters, digits, `.`, `_` and `-`, 64 at most")
    return text


ExpiresIn = Annotated[
    int | None, typer.Option(parser=_lifetime, metavar="TIME", help="How long it lasts: 90d, 12h.")
]


@api_keys.command()
def create(
    name: Annotated[str, typer.Argument(callback=_name, help="The client that it is for.")],
    role: Annotated[Role, typer.Option()] = Role.MEMBER,
    scope: Annotated[
        list[Permission] | None, typer.Option(help="Narrows the role; may be repeated.")
    ] = None,
    expires_in: ExpiresIn = None,
) -> None:
    """Make a key for a client, which begins with its first one. The key is printed this once."""
    wanted = KeyRequest(name, role, frozenset(scope) if scope else None, expires_in)
    _print_issued(_run(lambda keys: keys.create(OPERATOR, wanted)))


@api_keys.command()
def rotate(
    key_id: UUID,
    overlap: Annotated[
        int | None,
        typer.Option(parser=_seconds, metavar="TIME", help="How long the old key lives on: 24h."),
    ] = None,
    expires_in: ExpiresIn = None,
) -> None:
    """Make a key like another one, which ends a while later. The new one is printed this once."""
    _print_issued(_run(lambda keys: keys.rotate(OPERATOR, key_id, overlap, expires_in)))


@api_keys.command()
def revoke(key_id: UUID) -> None:
    """End a key at once."""
    key = _run(lambda keys: keys.revoke(OPERATOR, key_id))
    typer.echo(f"Revoked the key {key.id} of {key.client.name}.")


@api_keys.command("list")
def list_keys(
    client: Annotated[str | None, typer.Option(help="Only the keys of this client.")] = None,
) -> None:
    """Print every key, ended ones too, the newest first."""

    async def read(keys: Keys) -> list[ApiKey]:
        found, cursor = list[ApiKey](), None
        while True:
            page = await keys.page(OPERATOR, client, _PAGE, cursor)
            found += page.keys
            cursor = page.next_cursor
            if cursor is None:
                return found

    now = clock.now()
    for key in _run(read):
        used = "never" if key.last_used_at is None else _short(key.last_used_at)
        columns = (
            str(key.id),
            f"{key.client.name:<24}",
            f"{key.role:<6}",
            f"{_state(key, now):<7}",
            f"expires {_short(key.expires_at)}",
            f"used {used}",
            "" if key.scopes is None else " ".join(sorted(key.scopes)),
        )
        typer.echo("  ".join(columns).rstrip())


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at <= now else "active"


def _short(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _print_issued(issued: IssuedKey) -> None:
    """The key alone goes to the standard output, for a shell to keep."""
    key = issued.key
    expiry = _short(key.expires_at)
    typer.echo(
        f"Key {key.id} of {key.client.name}, {key.role}, until {expiry}: keep it, "
        "it is not shown again.",
        err=True,
    )
    typer.echo(issued.text)


def _run(act: Callable[[Keys], Awaitable[_Result]]) -> _Result:
    try:
        return asyncio.run(_with_keys(act))
    except AppError as error:
        if not error.details:
            raise
        raise typer.BadParameter("; ".join(f"{d.field} {d.issue}" for d in error.details)) from None


async def _with_keys(act: Callable[[Keys], Awaitable[_Result]]) -> _Result:
    service = build_service(Settings.load())
    async with AsyncExitStack() as stack:
        for part in (service.database, service.cache):
            stack.push_async_callback(part.aclose)
        return await act(service.auth.keys)
