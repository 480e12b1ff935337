"""A SQLite file."""

from collections.abc import Iterator
from contextlib import contextmanager

from dev.processes import Place

VARIABLES = ("DATABASE_URL",)


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """The file, which the migrations create."""
    yield {"DATABASE_URL": f"sqlite:///{place.folder('sqlite').resolve() / 'app.db'}"}
