"""What the gRPC settings refuse, and how addresses and tags are read."""

from pathlib import Path

import pytest
import trustme

from app.features.orders.messages import etag, expected_versions
from app.platform.configuration import ConfigurationError
from app.transport.peers import address_of
from app.transport.settings import TransportSettings, holds_certificates


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({"GRPC_PORT": "65536"}, "GRPC_PORT"),
        ({"GRPC_TIMEOUT_SECONDS": "0"}, "GRPC_TIMEOUT_SECONDS"),
        ({"GRPC_MAX_METADATA_BYTES": "10"}, "GRPC_MAX_METADATA_BYTES"),
    ],
)
def test_what_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], fault: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=fault):
        TransportSettings.load()


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_an_authority_has_certificates(tmp_path: Path, content: str) -> None:
    file = tmp_path / "authority.pem"
    file.write_text(content)
    assert not holds_certificates(file)
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(file))
    assert holds_certificates(file)


def test_production_wants_tls_or_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="GRPC_TLS_CERTIFICATE_PATH"):
        TransportSettings.load(production=True)
    monkeypatch.setenv("GRPC_INSECURE", "true")
    assert TransportSettings.load(production=True).tls_files is None
    monkeypatch.setenv("GRPC_REFLECTION", "true")
    with pytest.raises(ConfigurationError, match="GRPC_REFLECTION"):
        TransportSettings.load(production=True)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:50000", "127.0.0.1"),
        ("ipv6:%5B2001:db8::1%5D:443", "2001:db8::1"),
        ("ipv6:[::1]:50000", "::1"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:50000", "192.0.2.1"),
        ("unix:/run/app.sock", ""),
    ],
)
def test_the_address_of_a_peer(peer: str, address: str) -> None:
    assert address_of(peer) == address


def test_a_tag_stands_for_one_version() -> None:
    assert expected_versions(etag(7)) == {7}
    for tag in ("7", '"07"', '"x"', '""', '"7"x', 'W/"7"', '"-7"', '"٧"', '"' + "9" * 40 + '"'):
        assert expected_versions(tag) == frozenset()
