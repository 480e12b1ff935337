"""Whom the service takes for the caller behind proxies."""

from ipaddress import ip_network

import pytest

from app.http.forwarding import forwarded

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def headers(*forwarded_for: str, proto: str = "") -> list[tuple[bytes, bytes]]:
    found = [(b"x-forwarded-for", value.encode()) for value in forwarded_for]
    return [*found, (b"x-forwarded-proto", proto.encode())] if proto else found


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "caller"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["forged, 192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("fd00::1", ["2001:0DB8:0::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_caller_is_the_last_address_that_no_trusted_proxy_has(
    peer: str, forwarded_for: list[str], caller: str
) -> None:
    assert forwarded(peer, headers(*forwarded_for), TRUSTED)[0] == caller


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "https, http", "http"),
        ("10.0.0.1", "gopher", ""),
        ("203.0.113.9", "https", ""),
    ],
)
def test_the_scheme_is_what_the_nearest_trusted_proxy_says(
    peer: str, proto: str, scheme: str
) -> None:
    assert forwarded(peer, headers(proto=proto), TRUSTED)[1] == scheme
