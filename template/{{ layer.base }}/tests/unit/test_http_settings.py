"""Which settings of the HTTP server are refused, and which in production only."""

import pytest

from app.http.settings import HttpSettings
from app.platform.configuration import ConfigurationError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "gateway"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("CORS_ORIGINS", "a.example"),
        ("ALLOWED_HOSTS", "*example.com"),
        ("HTTP_MAX_BODY_BYTES", "0"),
        ("HTTP_REQUEST_TIMEOUT_SECONDS", "-1"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refusal:
        HttpSettings.load()
    assert [fault.split(":")[0] for fault in refusal.value.faults] == [name]


def test_production_wants_its_hosts_named() -> None:
    assert [*HttpSettings().production_faults()] == [
        "ALLOWED_HOSTS: list the host names of the service"
    ]
    assert [*HttpSettings(allowed_hosts=("api.example.com",)).production_faults()] == []


def test_production_refuses_what_opens_the_door() -> None:
    settings = HttpSettings(
        allowed_hosts=("*",), cors_origins=("*",), cors_allow_credentials=True, http_debug=True
    )
    faults = [fault.split(":")[0] for fault in settings.production_faults()]
    assert faults == ["ALLOWED_HOSTS", "CORS_ORIGINS", "HTTP_DEBUG"]
