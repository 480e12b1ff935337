"""Accounts at the command line."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import typer

from app.auth.accounts import Accounts
from app.auth.model import normalised_email
from app.auth.principal import Role
from app.bootstrap import build_service
from app.errors import AppError
from app.settings import Settings

_Result = TypeVar("_Result")

users = typer.Typer(no_args_is_help=True, help="Change accounts; their sessions end.")


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command("create-admin")(create_admin)
    cli.add_typer(users, name="users")


def create_admin(email: str) -> None:
    """Make an admin, or make an existing account one.

    The password comes from a prompt, or is the first line of the standard input.
    """
    address = _address(email)
    password = _password()
    created = _run(lambda accounts: accounts.create_admin(address, password))
    typer.echo(f"{'Created' if created else 'Changed'} the admin {address}.")


@users.command()
def set_role(email: str, role: Role) -> None:
    """Give an account another role."""
    _run(lambda accounts: accounts.set_role(_address(email), role))


@users.command()
def disable(email: str) -> None:
    """Refuse the logins of an account, and end its sessions."""
    _run(lambda accounts: accounts.set_disabled(_address(email), True))


@users.command()
def enable(email: str) -> None:
    """Allow the logins of a disabled account again."""
    _run(lambda accounts: accounts.set_disabled(_address(email), False))


def _address(text: str) -> str:
    try:
        return normalised_email(text)
    except ValueError as error:
        raise typer.BadParameter(f"EMAIL {error}") from None


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def _run(act: Callable[[Accounts], Awaitable[_Result]]) -> _Result:
    try:
        return asyncio.run(_with_accounts(act))
    except AppError as error:
        if not error.details:
            raise
        raise typer.BadParameter("; ".join(f"{d.field} {d.issue}" for d in error.details)) from None


async def _with_accounts(act: Callable[[Accounts], Awaitable[_Result]]) -> _Result:
    service = build_service(Settings.load())
    async with AsyncExitStack() as stack:
        for part in (service.database, service.cache, service.auth):
            stack.push_async_callback(part.aclose)
        return await act(service.auth.accounts)
