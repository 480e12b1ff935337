"""Settings of the protocol."""

from app.platform.configuration import SettingsGroup


class TransportSettings(SettingsGroup):
    """`HTTP_DOCS_ENABLED`: the documentation is served outside of production, unless set."""

    http_docs_enabled: bool | None = None
