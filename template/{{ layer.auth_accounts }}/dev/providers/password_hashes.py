"""How much work a password is where nothing lasts, as in tests, which log in hundreds of times."""

from collections.abc import Iterator
from contextlib import contextmanager

from dev.processes import Place

VARIABLES = ("PASSWORD_HASH_MEMORY_KIB",)


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """A fifth of the work; still more than the rest of a login, so that its absence would show."""
    yield {} if place.durable else {"PASSWORD_HASH_MEMORY_KIB": "4096"}
