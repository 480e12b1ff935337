"""TLS on the gRPC port, with certificates that are replaced while it runs."""

import threading
from collections.abc import Callable
from typing import cast

import grpc
import structlog

from app.transport.settings import TlsFiles, belong_together, holds_certificates

log = structlog.get_logger()

# The stubs leave out that a fetcher may have nothing new.
Fetcher = Callable[[], grpc.ServerCertificateConfiguration]


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that are looked at for each new connection, and read again once they changed."""
    certificates = _Certificates(files)
    return grpc.dynamic_ssl_server_credentials(
        certificates.first,
        cast(Fetcher, certificates.changed),
        require_client_authentication=files.client_ca is not None,
    )


class _Certificates:
    """Asked by gRPC's own threads."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._stamps = self._read_stamps()
        self.first = self._configuration()

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The new certificates; None while those in use stay, which faulty ones do not replace."""
        with self._lock:
            try:
                stamps = self._read_stamps()
                if stamps == self._stamps:
                    return None
                authority = self._files.client_ca
                if not belong_together(self._files.certificate, self._files.key) or (
                    authority is not None and not holds_certificates(authority)
                ):
                    # One of them may just be on its way.
                    log.warning("certificates_unusable")
                    return None
                renewed = self._configuration()
            except OSError as error:
                log.warning("certificates_unusable", reason=error.strerror)
                return None
            self._stamps = stamps
            log.info("certificates_renewed")
            return renewed

    def _read_stamps(self) -> tuple[int, ...]:
        return tuple(path.stat().st_mtime_ns for path in self._files if path is not None)

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        certificate, key, authority = self._files
        return grpc.ssl_server_certificate_configuration(
            [(key.read_bytes(), certificate.read_bytes())],
            root_certificates=None if authority is None else authority.read_bytes(),
        )
