"""How much work a password is where nothing lasts, as in tests, which log in hundreds of times."""

from collections.abc import Iterator
from contextlib import contextmanager

from dev.processes import Place

_LEAST = {"PASSWORD_HASH_MEMORY_KIB": "256", "PASSWORD_HASH_TIME_COST": "1"}
VARIABLES = tuple(_LEAST)


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """Next to none: a test of what the work is for asks for its own."""
    yield {} if place.durable else _LEAST
