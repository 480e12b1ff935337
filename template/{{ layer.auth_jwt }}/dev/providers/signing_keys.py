"""The key that signs access tokens on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from joserfc.jwk import ECKey

from dev.processes import Place

VARIABLES = ("JWT_SIGNING_KEYS",)


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """One private key in a file, kept so that tokens survive a restart."""
    file = place.folder("jwt") / "signing-key.pem"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    yield {"JWT_SIGNING_KEYS_FILE": str(file.resolve())}
