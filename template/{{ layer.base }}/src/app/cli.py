"""The command line: `app --help`."""

import sys

import structlog
import typer

from app.auth import cli as auth
from app.db import cli as db
from app.errors import AppError, ErrorCode
from app.platform import audit_cli as audit
from app.platform.configuration import ConfigurationError
from app.platform.logging import configure_command_logging, configure_logging
from app.platform.telemetry import configure_tracing
from app.queue import cli as queue
from app.settings import Settings
from app.transport import cli as transport
from app.transport.server import serve as serve_transport

log = structlog.get_logger()
cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
config = typer.Typer(no_args_is_help=True, help="Look at the configuration.")
cli.add_typer(config, name="config")


@cli.command()
def serve() -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    settings = Settings.load()
    configure_logging(settings.log, settings.runtime.app_env)
    configure_tracing(settings.telemetry)
    serve_transport(settings)


for part in (queue, db, auth, audit, transport):
    part.register(cli)


@config.command()
def check() -> None:
    """Validate the environment: one line for each fault, and no secret."""
    Settings.load()
    typer.echo("The configuration is valid.")


def main() -> None:
    """Run the command line; each fault is one line, and a log where the command keeps one."""
    configure_command_logging()
    try:
        cli()
    except ConfigurationError as error:
        for fault in error.faults:
            typer.echo(f"error: {fault}", err=True)
        sys.exit(2)
    except AppError as error:
        cause = error.__cause__ if error.code is ErrorCode.DEPENDENCY_UNAVAILABLE else None
        # A timeout has no text.
        reason = f" ({str(cause) or type(cause).__name__})" if cause else ""
        typer.echo(f"error: {error.message}{reason}", err=True)
        sys.exit(1)
    except Exception:
        log.exception("unhandled exception")
        sys.exit(1)
