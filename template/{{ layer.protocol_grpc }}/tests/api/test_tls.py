"""TLS and mutual TLS on the gRPC port, with an authority of the tests' own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from tests.support.calls import health_stub, target
from tests.support.service import Service, run_command


class Files:
    """The files that the settings name."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "certificate.pem"
        self.key = folder / "key.pem"
        self.authority = folder / "authority.pem"

    def write(self, authority: trustme.CA) -> None:
        """A new certificate of the authority, put in place at once as a mount does."""
        issued = authority.issue_cert("localhost", "127.0.0.1")
        chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
        for path, content in (
            (self.authority, authority.cert_pem.bytes()),
            (self.key, issued.private_key_pem.bytes()),
            (self.certificate, chain),
        ):
            new = path.with_suffix(".new")
            new.write_bytes(content)
            new.rename(path)

    def settings(self) -> dict[str, str]:
        return {
            "GRPC_TLS_CERTIFICATE_PATH": str(self.certificate),
            "GRPC_TLS_KEY_PATH": str(self.key),
        }


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def health(service: Service, **credentials: Any) -> str:
    """SERVING, or the status that a client with the credentials meets."""
    channel = grpc.secure_channel(target(service), grpc.ssl_channel_credentials(**credentials))
    with channel:
        try:
            answer: Any = health_stub(channel).Check(HealthCheckRequest(), timeout=5)
        except grpc.RpcError as error:
            code: str = error.code().name
            return code
        return HealthCheckResponse.ServingStatus.Name(answer.status)


def test_the_port_speaks_tls(
    start_service: Callable[..., Service], files: Files, authority: trustme.CA
) -> None:
    files.write(authority)
    service = start_service(**files.settings())
    assert health(service, root_certificates=authority.cert_pem.bytes()) == "SERVING"
    assert health(service, root_certificates=trustme.CA().cert_pem.bytes()) == "UNAVAILABLE"
    with grpc.insecure_channel(target(service)) as plain, pytest.raises(grpc.RpcError):
        health_stub(plain).Check(HealthCheckRequest(), timeout=5)


def test_only_clients_of_the_authority_get_in(
    start_service: Callable[..., Service], files: Files, authority: trustme.CA
) -> None:
    files.write(authority)
    service = start_service(**files.settings(), GRPC_TLS_CLIENT_CA_PATH=str(files.authority))
    root = authority.cert_pem.bytes()
    for issuer, outcome in (
        (authority, "SERVING"),
        (trustme.CA(), "UNAVAILABLE"),
        (None, "UNAVAILABLE"),
    ):
        own = {}
        if issuer is not None:
            issued = issuer.issue_cert("client.example.com")
            own = {
                "private_key": issued.private_key_pem.bytes(),
                "certificate_chain": issued.cert_chain_pems[0].bytes(),
            }
        assert health(service, root_certificates=root, **own) == outcome


def test_a_certificate_that_is_replaced_is_taken_up(
    start_service: Callable[..., Service], files: Files, authority: trustme.CA
) -> None:
    files.write(authority)
    service = start_service(**files.settings())
    assert health(service, root_certificates=authority.cert_pem.bytes()) == "SERVING"
    files.key.write_text("not a key")
    assert health(service, root_certificates=authority.cert_pem.bytes()) == "SERVING"
    renewed = trustme.CA()
    files.write(renewed)
    assert health(service, root_certificates=renewed.cert_pem.bytes()) == "SERVING"
    assert service.logs(event="certificates_renewed")


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        (
            {"GRPC_TLS_CERTIFICATE_PATH": "{folder}/there"},
            "GRPC_TLS_KEY_PATH: goes together with GRPC_TLS_CERTIFICATE_PATH",
        ),
        (
            {"GRPC_TLS_KEY_PATH": "{folder}/there"},
            "GRPC_TLS_KEY_PATH: goes together with GRPC_TLS_CERTIFICATE_PATH",
        ),
        (
            {"GRPC_TLS_CLIENT_CA_PATH": "{folder}/there"},
            "GRPC_TLS_CLIENT_CA_PATH: needs GRPC_TLS_CERTIFICATE_PATH",
        ),
        (
            {"GRPC_TLS_CERTIFICATE_PATH": "{folder}/gone", "GRPC_TLS_KEY_PATH": "{folder}/there"},
            "GRPC_TLS_CERTIFICATE_PATH: Path does not point to a file",
        ),
        (
            {"GRPC_TLS_CERTIFICATE_PATH": "{folder}/there", "GRPC_TLS_KEY_PATH": "{folder}/there"},
            "GRPC_TLS_KEY_PATH: is not the key of the certificate in GRPC_TLS_CERTIFICATE_PATH",
        ),
    ],
)
def test_faulty_settings_are_one_line(
    tmp_path: Path, environment: dict[str, str], variables: dict[str, str], fault: str
) -> None:
    (tmp_path / "there").write_text("nothing", encoding="utf-8")
    named = {name: value.format(folder=tmp_path) for name, value in variables.items()}
    done = run_command("config", "check", env={**environment, **named}, check=False)
    assert done.returncode == 2
    assert f"error: {fault}" in done.stderr.splitlines()
    assert os.fspath(tmp_path) not in done.stderr
