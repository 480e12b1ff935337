"""How the gRPC server listens, and what it takes."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, FilePath, ValidationInfo, field_validator

from app.platform.configuration import SettingsGroup


def belong_together(certificate: Path, key: Path) -> bool:
    """Whether the files can be read and hold a certificate and its key."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError):
        return False
    return True


def holds_certificates(authority: Path) -> bool:
    """Whether certificates of clients can be checked by the file."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(authority)
    except (OSError, ssl.SSLError):
        return False
    return True


class TlsFiles(NamedTuple):
    """`client_ca` is None where clients need no certificate."""

    certificate: Path
    key: Path
    client_ca: Path | None


class TransportSettings(SettingsGroup):
    """`GRPC_*`; sizes in bytes, times in seconds.

    A call without a deadline gets `grpc_timeout_seconds`, and none gets more than
    `grpc_max_timeout_seconds`. A stream may last `grpc_max_stream_seconds`; the credentials of its
    caller are looked at again every `grpc_stream_check_seconds`.

    Clients whose pings come closer together than `grpc_min_ping_seconds` are disconnected. An idle
    or old connection is asked to reconnect, so that load spreads over new instances.

    With certificate and key the port speaks TLS, and asks clients for a certificate of the
    authority `grpc_tls_client_ca_path` where that is set. Changed files are read again.
    `grpc_insecure` says that a mesh or gateway encrypts instead.
    """

    grpc_port: int = Field(50051, ge=0, le=65535)
    grpc_max_message_bytes: int = Field(1_048_576, ge=1)
    grpc_max_metadata_bytes: int = Field(16_384, ge=1024)
    grpc_timeout_seconds: float = Field(10, gt=0)
    grpc_max_timeout_seconds: float = Field(30, gt=0)
    grpc_max_in_flight: int = Field(200, ge=1)
    grpc_max_streams: int = Field(1000, ge=1)
    grpc_max_streams_per_principal: int = Field(100, ge=1)
    grpc_max_stream_seconds: float = Field(3600, gt=0)
    grpc_stream_check_seconds: float = Field(10, gt=0)
    grpc_max_calls_per_connection: int = Field(100, ge=1)
    grpc_keepalive_seconds: float = Field(60, gt=0)
    grpc_keepalive_timeout_seconds: float = Field(20, gt=0)
    grpc_min_ping_seconds: float = Field(20, gt=0)
    grpc_max_connection_idle_seconds: float = Field(300, gt=0)
    grpc_max_connection_age_seconds: float = Field(1800, gt=0)
    grpc_tls_certificate_path: FilePath | None = None
    grpc_tls_key_path: FilePath | None = Field(None, validate_default=True)
    grpc_tls_client_ca_path: FilePath | None = None
    grpc_insecure: bool = False
    grpc_reflection: bool | None = None

    @field_validator("grpc_tls_key_path")
    @classmethod
    def _key_of_certificate(cls, key: Path | None, others: ValidationInfo) -> Path | None:
        certificate = others.data.get("grpc_tls_certificate_path")
        if "grpc_tls_certificate_path" in others.data and (key is None) != (certificate is None):
            raise ValueError("goes together with GRPC_TLS_CERTIFICATE_PATH")
        if key is not None and certificate is not None and not belong_together(certificate, key):
            raise ValueError("is not the key of the certificate in GRPC_TLS_CERTIFICATE_PATH")
        return key

    @field_validator("grpc_tls_client_ca_path")
    @classmethod
    def _with_tls(cls, authority: Path | None, others: ValidationInfo) -> Path | None:
        if authority is not None and others.data.get("grpc_tls_certificate_path") is None:
            raise ValueError("needs GRPC_TLS_CERTIFICATE_PATH")
        if authority is not None and not holds_certificates(authority):
            raise ValueError("holds no certificate")
        return authority

    @property
    def tls_files(self) -> TlsFiles | None:
        """None where the port speaks no TLS."""
        certificate, key = self.grpc_tls_certificate_path, self.grpc_tls_key_path
        if certificate is None or key is None:
            return None
        return TlsFiles(certificate, key, self.grpc_tls_client_ca_path)

    def production_faults(self) -> Iterator[str]:
        if self.tls_files is None and not self.grpc_insecure:
            yield (
                "GRPC_TLS_CERTIFICATE_PATH: is required in production, or GRPC_INSECURE=true where"
                " a mesh or gateway encrypts"
            )
        if self.grpc_reflection:
            yield "GRPC_REFLECTION: must be off"
