"""The settings of the MySQL connection."""

import ssl
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, Field, PositiveInt, SecretStr

from app.platform.configuration import SettingsGroup

Seconds = Annotated[float, Field(gt=0, le=60)]
WELL_KNOWN_PASSWORDS = {"app", "changeme", "mysql", "password", "root", "secret", "test"}
SSL_MODES = ("disabled", "required", "verify_ca", "verify_identity")
OPTIONS = {"program_name", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"}


def _options(query: str) -> dict[str, str]:
    options = {name.lower().replace("ssl_", "ssl-"): value for name, value in parse_qsl(query)}
    if unknown := options.keys() - OPTIONS:
        raise ValueError(f"has options that are not known: {', '.join(sorted(unknown))}")
    if options.get("ssl-mode", "disabled").lower() not in SSL_MODES:
        raise ValueError(f"has an ssl-mode other than {', '.join(SSL_MODES)}")
    return options


def _url(url: SecretStr) -> SecretStr:
    """The URL without the name of a driver."""
    scheme, separator, rest = url.get_secret_value().partition("://")
    parts = urlsplit(f"mysql://{rest}")
    named = parts.hostname and parts.username and parts.path.strip("/")
    if not separator or scheme.partition("+")[0] not in ("mysql", "mariadb") or not named:
        raise ValueError("must look like mysql://user:password@host:3306/name")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("has a port that is no number up to 65535") from None
    _options(parts.query)
    return SecretStr(f"mysql://{rest}")


class DatabaseSettings(SettingsGroup):
    """Where MySQL is, and how long to wait for it.

    The waits for a free connection, for a new one and for a statement stay together under five
    seconds by default: a frozen server is told apart from a slow one in that time.
    """

    database_url: Annotated[SecretStr, AfterValidator(_url)]
    db_pool_size: PositiveInt = 10
    db_pool_timeout_seconds: Seconds = 1.0
    db_connect_timeout_seconds: Seconds = 1.0
    db_statement_timeout_seconds: Seconds = 2.0

    def connect_options(self) -> dict[str, Any]:
        """What the URL says, as the driver takes it."""
        url = urlsplit(self.database_url.get_secret_value())
        options = _options(url.query)
        return {
            "host": url.hostname,
            "port": url.port or 3306,
            "user": unquote(url.username or ""),
            "password": unquote(url.password or "").encode(),
            "database": unquote(url.path.strip("/")),
            "program_name": options.get("program_name"),
            "ssl": _tls(options),
        }

    def production_faults(self) -> Iterator[str]:
        url = urlsplit(self.database_url.get_secret_value())
        if not url.password or unquote(url.password) in WELL_KNOWN_PASSWORDS:
            yield "DATABASE_URL: has no password, or one that everybody knows"
        if ("program_name", "embedded") in parse_qsl(url.query):
            yield "DATABASE_URL: leads to the server of the development environment"


def _tls(options: dict[str, str]) -> ssl.SSLContext | None:
    """How the connection is encrypted, by the modes of MySQL's own clients."""
    mode = options.get("ssl-mode", "disabled").lower()
    if mode == "disabled":
        return None
    context = ssl.create_default_context(cafile=options.get("ssl-ca"))
    context.check_hostname = mode == "verify_identity"
    if mode == "required":
        context.verify_mode = ssl.CERT_NONE
    if certificate := options.get("ssl-cert"):
        context.load_cert_chain(certificate, options.get("ssl-key"))
    return context
