"""What a client is told of the limits, and what stands for a client."""

import pytest

from app.platform.configuration import ConfigurationError
from app.platform.gcra import Limit
from app.platform.rate_limit import RateLimitSettings, address_key


def test_limits_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_GLOBAL", "5/second burst 20")
    monkeypatch.setenv("RATE_LIMIT_ADDRESS", "3/hour")
    settings = RateLimitSettings.load()
    assert settings.rate_limit_global == Limit(5, 1, 20)
    assert settings.rate_limit_address == Limit(3, 3600, 3)


def test_a_limit_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_PRINCIPAL", "lots")
    with pytest.raises(ConfigurationError, match="RATE_LIMIT_PRINCIPAL") as caught:
        RateLimitSettings.load()
    assert "lots" not in str(caught.value)


def test_hosts_of_one_ipv6_network_count_as_one() -> None:
    first = address_key("2001:db8:1:2::1")
    assert address_key("2001:db8:1:2:ffff:ffff:ffff:ffff") == first
    assert address_key("2001:db8:1:3::1") != first


def test_each_ipv4_address_counts_for_itself() -> None:
    assert address_key("192.0.2.1") != address_key("192.0.2.2")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1")


def test_what_is_no_address_shares_one_key() -> None:
    assert address_key("") == address_key("x" * 10_000) == "unknown"
