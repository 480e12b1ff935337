"""Only addresses of the public internet can be reached, however they are written."""

import asyncio
import socket
from typing import Any

import pytest

from app.platform import public_network
from app.platform.http_client import HttpClient, HttpClientSettings
from app.platform.public_network import ForbiddenAddressError, is_public, public_addresses
from tests.support.receiver import receiving

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700:4700::1111", "2a00::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_global_unicast_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "0", "::1"])
async def test_other_spellings_of_loopback_are_refused(host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        await public_addresses(host, 443)


def answer_with(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name resolve to the addresses; returns the list of names asked for."""
    asked: list[str] = []

    async def resolve(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    return asked


@pytest.mark.anyio
async def test_one_private_address_among_public_ones_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_with(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(ForbiddenAddressError, match=r"10\.0\.0\.1"):
        await public_addresses("receiver.test", 443)


@pytest.mark.anyio
async def test_nothing_is_sent_to_a_private_address() -> None:
    client = HttpClient(HttpClientSettings())
    with receiving() as receiver:
        with pytest.raises(ForbiddenAddressError):
            await client.request("GET", receiver.url, public_only=True)
        assert not receiver.calls
    await client.aclose()


@pytest.mark.anyio
async def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(public_network, "is_public", lambda address: address == "127.0.0.1")
    asked = answer_with(monkeypatch, "127.0.0.1")
    client = HttpClient(HttpClientSettings())
    with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        await client.request("GET", f"http://receiver.test:{port}/", public_only=True)
        assert [call.headers["host"] for call in receiver.calls] == [f"receiver.test:{port}"]
    await client.aclose()
    assert asked == ["receiver.test"]
