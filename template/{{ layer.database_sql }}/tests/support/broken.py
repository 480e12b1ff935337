"""A database that stands for what nobody has thought of."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.database import empty_database


@contextmanager
def broken_database(url: str) -> Iterator[str]:
    """The URL of a database without tables, on the server of the given one."""
    with empty_database(url) as made:
        yield made
