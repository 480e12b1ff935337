"""A provider of a test's own, which may be stopped, frozen and given other keys."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from joserfc.jwk import ECKey, KeySet

from dev.identity_provider import AUDIENCE, running, write_keys
from dev.processes import free_port


def new_keys(name: str) -> KeySet:
    """One key of its own, which has the name."""
    return KeySet([ECKey.generate_key("P-256", {"kid": name, "alg": "ES256", "use": "sig"})])


@dataclass
class Provider:
    """The real one: its issuer stays the same while it comes and goes."""

    folder: Path
    port: int = field(default_factory=free_port)
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def variables(self) -> dict[str, str]:
        return {"OIDC_ISSUER": f"http://127.0.0.1:{self.port}", "OIDC_AUDIENCE": AUDIENCE}

    def start(self, *keys: KeySet) -> None:
        """Run with these keys, and no others, from now on."""
        self.stop()
        file = self.folder / f"keys-{self.port}.json"
        write_keys(file, *keys)
        log = self.folder / f"provider-{self.port}.log"
        self._running.enter_context(running(file, log, self.port))

    def stop(self) -> None:
        self._running.close()

    def freeze(self) -> None:
        """Take connections and answer none of them."""
        self.stop()
        listener = self._running.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)


@contextmanager
def own_provider(folder: Path, *keys: KeySet) -> Iterator[Provider]:
    """A provider that runs with the keys until the end of the context."""
    provider = Provider(folder)
    try:
        provider.start(*keys)
        yield provider
    finally:
        provider.stop()
