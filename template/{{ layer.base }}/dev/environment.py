"""The environment of a service on this machine: what is set already, and providers for the rest."""

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, cast

from dotenv import dotenv_values

from dev import providers
from dev.processes import Place

PROJECT = Path(__file__).parent.parent
DATA = PROJECT / ".dev"
SCRIPTS = Path(sys.executable).parent


class Provider(Protocol):
    """A module of `dev.providers`."""

    VARIABLES: tuple[str, ...]

    def start(self, place: Place) -> AbstractContextManager[dict[str, str]]: ...


def configured() -> dict[str, str]:
    """What the environment and `.env` set; an empty variable counts as unset."""
    values = {**dotenv_values(PROJECT / ".env"), **os.environ}
    return {name: value for name, value in values.items() if value}


@contextmanager
def provided(place: Place, known: dict[str, str]) -> Iterator[dict[str, str]]:
    """`known` with what the providers add; a variable that is set already always wins."""
    with ExitStack() as running:
        values = dict(known)
        for module in pkgutil.iter_modules(providers.__path__):
            provider = cast(Provider, importlib.import_module(f"dev.providers.{module.name}"))
            missing = [
                name
                for name in provider.VARIABLES
                if name not in values and f"{name}_FILE" not in values
            ]
            if missing:
                started = running.enter_context(provider.start(place))
                values |= {n: v for n, v in started.items() if n.removesuffix("_FILE") in missing}
        yield values
