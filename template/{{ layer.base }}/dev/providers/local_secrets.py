"""Secrets that only this machine knows."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from dev.processes import Place

VARIABLES = ("CURSOR_SIGNING_KEY",)


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """One random value for each variable, kept so that it survives a restart."""
    folder = place.folder("secrets")
    values = {}
    for name in VARIABLES:
        file = folder / name.lower()
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(32), encoding="utf-8")
        values[name] = file.read_text(encoding="utf-8")
    yield values
