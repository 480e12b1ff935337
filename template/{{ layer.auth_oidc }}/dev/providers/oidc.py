"""An OpenID provider, whose users and clients are in `dev/oidc/server.mjs`."""

from collections.abc import Iterator
from contextlib import contextmanager

from dev.identity_provider import AUDIENCE, kept_keys, running, serves
from dev.processes import Place, answers

VARIABLES = ("OIDC_ISSUER", "OIDC_AUDIENCE")
PORT = 9400


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """Where data lasts, the issuer stays the same, since it is part of who owns what."""
    keys = kept_keys()
    if place.durable and serves(PORT, keys):
        yield {"OIDC_ISSUER": f"http://127.0.0.1:{PORT}", "OIDC_AUDIENCE": AUDIENCE}
        return
    port = PORT if place.durable and not answers(PORT) else None
    with running(keys, place.folder("oidc") / "provider.log", port) as issuer:
        yield {"OIDC_ISSUER": issuer, "OIDC_AUDIENCE": AUDIENCE}
