"""Settings of the provider that are refused."""

import pytest

from app.auth.settings import AuthSettings
from app.platform.configuration import ConfigurationError

PROPER = {"OIDC_ISSUER": "https://id.example", "OIDC_AUDIENCE": "https://api.example"}


@pytest.fixture(autouse=True)
def _production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    for name in AuthSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def faulty(monkeypatch: pytest.MonkeyPatch, **variables: str) -> set[str]:
    """The variables that production finds fault with."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    try:
        AuthSettings.load(production=True)
    except ConfigurationError as error:
        return {line.partition(":")[0] for line in error.faults}
    return set()


def test_production_asks_for_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faulty(monkeypatch) == {"OIDC_ISSUER", "OIDC_AUDIENCE"}
    assert faulty(monkeypatch, **PROPER) == set()


def test_production_asks_for_tls_unless_a_mesh_encrypts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {**PROPER, "OIDC_ISSUER": "http://keycloak.internal/realms/shop"}
    assert faulty(monkeypatch, **plain) == {"OIDC_ALLOW_HTTP"}
    assert faulty(monkeypatch, **plain, OIDC_ALLOW_HTTP="true") == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OIDC_ISSUER", "id.example"),
        ("OIDC_ISSUER", "ftp://id.example"),
        ("OIDC_ISSUER", "https://user:password@id.example"),
        ("OIDC_ISSUER", "https://id.example?tenant=1"),
        ("OIDC_ISSUER", "https://id.example/my realm"),
        ("OIDC_ISSUER", "https://id.example/realm\n"),
        ("OIDC_ISSUER", "https://id.example:70000"),
        ("OIDC_ISSUER", "https://id.example:0"),
        ("OIDC_ISSUER", "https://id.example:https"),
        ("OIDC_ISSUER", "https://[id.example"),
        ("OIDC_ISSUER", "to-be-set"),
        ("OIDC_AUDIENCE", " , "),
        ("OIDC_ALGORITHMS", "none"),
        ("OIDC_ALGORITHMS", "RS256,HS256"),
        ("OIDC_ALGORITHMS", "rs256"),
        ("OIDC_ALGORITHMS", ","),
        ("OIDC_TOKEN_TYPES", ","),
        ("OIDC_ROLE_MAP", '{"staff": "root"}'),
        ("OIDC_ROLE_MAP", "staff"),
        ("OIDC_DEFAULT_ROLE", "root"),
        ("OIDC_DEFAULT_ROLE", "admin"),
        ("OIDC_REFRESH_SECONDS", "0"),
        ("OIDC_KEYS_MAX_AGE_SECONDS", "60"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert faulty(monkeypatch, **{**PROPER, name: value}) == {name}
