"""From where a call comes."""

from functools import lru_cache
from urllib.parse import unquote

from app.http.forwarding import Network, forwarded
from app.transport.calls import Call


def caller_address(call: Call, trusted_proxies: tuple[Network, ...]) -> str:
    """The caller's address: the peer's, or what trusted proxies say in `x-forwarded-for`."""
    peer = address_of(call.context.peer())
    if not trusted_proxies:
        return peer
    metadata = call.context.invocation_metadata() or ()
    headers = [
        (name.encode(), value.encode())
        for name, value in metadata
        if name == "x-forwarded-for" and isinstance(value, str)
    ]
    address, _ = forwarded(peer, headers, trusted_proxies)
    return address


@lru_cache(maxsize=1024)
def address_of(peer: str) -> str:
    """The address in `ipv4:127.0.0.1:50000` or `ipv6:%5B::1%5D:50000`; empty for a local socket."""
    family, _, rest = peer.partition(":")
    if family not in {"ipv4", "ipv6"}:
        return ""
    address = unquote(rest).rpartition(":")[0].strip("[]")
    return address.removeprefix("::ffff:")
