"""What the parts of the service share."""

from dataclasses import dataclass

from app.cache import Cache
from app.db import Database
from app.platform.health import Health
from app.platform.http_client import HttpClient


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Each exists once in a process, which also closes it."""

    database: Database
    cache: Cache
    http_client: HttpClient
    health: Health
