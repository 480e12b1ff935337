"""The identity provider at the command line."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import typer

from app.auth.claims import subject_id
from app.auth.principal import Principal
from app.auth.provider import ProviderError
from app.auth.service import Auth
from app.bootstrap import build_service
from app.errors import AppError, ErrorCode
from app.platform.public_network import ForbiddenAddressError
from app.settings import Settings

_Result = TypeVar("_Result")

oidc = typer.Typer(no_args_is_help=True, help="Look at the identity provider and its tokens.")


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(oidc, name="oidc")


@oidc.command()
def check() -> None:
    """Reach the identity provider, and print the names of its keys."""
    for name in _run(lambda auth: auth.keys.refresh()):
        typer.echo(name)


@oidc.command()
def explain() -> None:
    """Say who the access token on the standard input is, or why it is refused."""
    text = sys.stdin.readline().strip()
    try:
        principal = _run(lambda auth: _verified(auth, text))
    except AppError as error:
        typer.echo(f"Refused: {error.__cause__ or error.message}")
        raise typer.Exit(1) from None
    typer.echo(f"subject      {principal.subject}")
    typer.echo(f"kind         {principal.kind}")
    typer.echo(f"roles        {' '.join(sorted(principal.roles)) or 'none'}")
    scopes = "not narrowed" if principal.scopes is None else " ".join(sorted(principal.scopes))
    typer.echo(f"scopes       {scopes or 'none'}")
    typer.echo(f"permissions  {' '.join(sorted(principal.permissions)) or 'none'}")


@oidc.command()
def subject(sub: str) -> None:
    """Print what the owner of the provider's SUB is called in orders, logs and audit events."""
    typer.echo(subject_id(Settings.load().auth.oidc_issuer, sub))


async def _verified(auth: Auth, text: str) -> Principal:
    await auth.keys.refresh()
    return (await auth.tokens.verify(text)).principal


def _run(act: Callable[[Auth], Awaitable[_Result]]) -> _Result:
    try:
        return asyncio.run(_with_auth(act))
    except (ProviderError, ForbiddenAddressError, TimeoutError) as error:
        raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE) from error


async def _with_auth(act: Callable[[Auth], Awaitable[_Result]]) -> _Result:
    service = build_service(Settings.load())
    async with AsyncExitStack() as stack:
        for part in (service.database, service.cache, service.http_client, service.auth):
            stack.push_async_callback(part.aclose)
        return await act(service.auth)
