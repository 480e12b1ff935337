"""The settings of the MongoDB connection."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, Field, PositiveInt, SecretStr
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri, split_options

from app.platform.configuration import SettingsGroup

Seconds = Annotated[float, Field(gt=0, le=60)]
WELL_KNOWN_PASSWORDS = {
    "admin",
    "app",
    "changeme",
    "mongo",
    "mongodb",
    "password",
    "root",
    "secret",
}
# These prove who the service is without a password in the URL.
WITHOUT_PASSWORD = {"MONGODB-AWS", "MONGODB-OIDC", "MONGODB-X509"}


def _named(url: SecretStr) -> SecretStr:
    """The URL, which must name a database."""
    parts = urlsplit(url.get_secret_value())
    known = parts.scheme in ("mongodb", "mongodb+srv")
    if not known or not parts.netloc or not parts.path.strip("/"):
        raise ValueError("must look like mongodb://user:password@host:27017/name")
    try:
        # The client only warns of an option that it does not know, and goes on without TLS.
        if parts.query:
            split_options(parts.query)
        # The rest of the other scheme takes DNS.
        if parts.scheme == "mongodb":
            parse_uri(url.get_secret_value())
    except (PyMongoError, ValueError, OSError):
        # Their texts may show the password.
        message = "has an option, a file or a port that MongoDB does not take, or lacks an escape"
        raise ValueError(message) from None
    return url


class DatabaseSettings(SettingsGroup):
    """Where MongoDB is, and how long to wait for it.

    A statement includes the waits for a server, for a free connection and for a new one.
    """

    database_url: Annotated[SecretStr, AfterValidator(_named)]
    db_pool_size: PositiveInt = 20
    db_connect_timeout_seconds: Seconds = 1.0
    db_statement_timeout_seconds: Seconds = 2.0

    @property
    def database_name(self) -> str:
        """The database that the URL names."""
        return unquote(urlsplit(self.database_url.get_secret_value()).path.strip("/"))

    def production_faults(self) -> Iterator[str]:
        url = urlsplit(self.database_url.get_secret_value())
        options = {name.lower(): value for name, value in parse_qsl(url.query)}
        if options.get("authmechanism") not in WITHOUT_PASSWORD and (
            not url.password or url.password in WELL_KNOWN_PASSWORDS
        ):
            yield "DATABASE_URL: has no password, or one that everybody knows"
        if options.get("appname") == "embedded":
            yield "DATABASE_URL: leads to the server of the development environment"
