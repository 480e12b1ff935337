"""Connections that can only go to the public internet, for addresses that others chose.

The name is resolved once, every address it has is checked, and the connection goes to a checked
address: a name that resolves differently the next moment (DNS rebinding) gains nothing.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

import httpcore2
import httpx2

# The special-purpose registries of IANA, written out: `is_global` differs between Python releases.
_SPECIAL_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
# Teredo and 6to4 carry an IPv4 address inside; the others are assigned to protocols and examples.
_SPECIAL_IPV6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))


class ForbiddenAddressError(Exception):
    """The destination is not on the public internet."""


def is_public(address: str) -> bool:
    """Whether the address is global unicast; IPv4 inside IPv6 (mapped, NAT64, 6to4) is not."""
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _SPECIAL_IPV4)
    return ip in _GLOBAL_IPV6 and not any(ip in network for network in _SPECIAL_IPV6)


async def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of the host; raises ForbiddenAddressError unless all of them are public."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_public(address):
            raise ForbiddenAddressError(f"{host} resolves to {address}, which is not public")
    return addresses


class _PublicBackend(httpcore2.AnyIOBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await public_addresses(host, port)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host} was not resolved in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} cannot be resolved") from error
        for address in addresses[:-1]:
            try:
                return await super().connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await super().connect_tcp(
            addresses[-1], port, timeout, local_address, socket_options
        )


@cache
def tls_context() -> ssl.SSLContext:
    """Whom the system trusts, read once for all clients: that takes longer than many requests."""
    return httpx2.create_ssl_context()


class PublicTransport(httpx2.AsyncHTTPTransport):
    """HTTP to the public internet only, and never through a proxy, which would resolve again."""

    def __init__(self, limits: httpx2.Limits) -> None:
        super().__init__(trust_env=False)
        # AsyncHTTPTransport takes no network backend. Its name for the pool is its own, so a test
        # makes sure that nothing can be reached around the backend.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls_context(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_PublicBackend(),
        )
