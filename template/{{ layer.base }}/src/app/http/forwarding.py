"""Who the caller is behind proxies."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def forwarded(
    peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: tuple[Network, ...]
) -> tuple[str, str]:
    """The caller's address and, where a trusted proxy says so, `http` or `https`, else nothing.

    `X-Forwarded-For` is read from its end: each trusted proxy vouches for the address before its
    own, and the first that is not trusted is the caller. What stands before it is hearsay.
    """
    if not _is_trusted(peer, trusted):
        return peer, ""
    hops: list[str] = []
    scheme = ""
    for name, value in headers:
        if name == b"x-forwarded-for":
            hops += value.decode("latin-1").split(",")
        elif name == b"x-forwarded-proto":
            scheme = value.decode("latin-1").rpartition(",")[2].strip().lower()
    address = peer
    while hops and _is_trusted(address, trusted):
        hop = _parse(hops.pop())
        if not hop:
            break
        address = hop
    return address, scheme if scheme in ("http", "https") else ""


@lru_cache(maxsize=1024)
def _is_trusted(address: str, trusted: tuple[Network, ...]) -> bool:
    parsed = _parse(address)
    return bool(parsed) and any(ip_address(parsed) in network for network in trusted)


@lru_cache(maxsize=1024)
def _parse(hop: str) -> str:
    """The bare address of an entry, which some proxies write with a port; empty if it is none."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)
