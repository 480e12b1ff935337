"""The gateway of hosting on one machine: Traefik itself, with the rendered configuration."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import yaml

from tests.deploy import grpc_calls
from tests.deploy.programs import checker
from tests.matrix.checks import FaultError, Findings, execute

HOST = "service.example.com"
# Of the 30 seconds that a request may take to arrive.
_READ_TIMEOUT = 2
# Of the 100 requests, or 200 calls, that one address may have in flight.
_IN_FLIGHT = 3


class _Echo(BaseHTTPRequestHandler):
    """Answers with what has reached it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self._echo()
            return
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        filler = "a" * int(self.headers.get("X-Filler", 0))
        answer = {"path": self.path, "headers": list(self.headers.items()), "filler": filler}
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _echo(self) -> None:
        """Become a socket, and send back whatever comes."""
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        self.close_connection = True
        while data := self.connection.recv(100):
            self.connection.sendall(data)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def check(project: Path, log: IO[str]) -> Findings:
    """Start the gateway before a small service, and see what it passes on and what it refuses."""
    if (project / "proto").exists():
        with (
            grpc_calls.answering() as backend,
            _gateway(project, log, f"h2c://127.0.0.1:{backend}") as (plain, secure),
        ):
            faults = [("http is redirected", _redirect_fault(plain))]
            faults += grpc_calls.faults(secure, HOST, project / ".certificate.pem", _READ_TIMEOUT)
            faults.append(("another name", _handshake_fault(secure, "other.example.com")))
            faults.append(("too many in flight", _crowd_fault(secure)))
            for path in ("/metrics", "/health/ready"):
                _, text = _exchange(secure, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
                faults.append((f"{path} is not there", text if path in text else ""))
        _tell(faults, log)
        return Findings()
    with _gateway(project, log) as (plain, secure):
        faults = list(_faults(plain, secure))
        if "websocket" in _texts(project / "deploy" / "traefik" / "dynamic"):
            faults.append(("a socket stays open", _socket_fault(secure)))
            faults.append(("a large body, as if for a socket", _disguised_fault(secure)))
    _tell(faults, log)
    return Findings()


def _tell(faults: list[tuple[str, str]], log: IO[str]) -> None:
    for name, fault in faults:
        if fault:
            raise FaultError(f"{name}: {fault}")
        log.write(f"{name}: as expected\n")


def _redirect_fault(port: int) -> str:
    status, text = _exchange(port, f"GET /x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), tls=False)
    return "" if status in (301, 308) else f"{status} {text}"


def _faults(plain: int, secure: int) -> Iterator[tuple[str, str]]:
    def ask(request: str, body: bytes = b"") -> tuple[int, str]:
        return _exchange(secure, request.replace("\n", "\r\n").encode() + body)

    def expect(wanted: set[int], answer: tuple[int, str]) -> str:
        return "" if answer[0] in wanted else f"answered with {answer[0]} {answer[1][:200]}"

    head = f"GET /v1/orders HTTP/1.1\nHost: {HOST}\n"
    yield "http is redirected", _redirect_fault(plain)
    status, text = ask(f"{head}X-Forwarded-For: 203.0.113.9\nX-Forwarded-Proto: http\n\n")
    received = json.loads(text) if status == 200 else {}
    headers = {name.lower(): value for name, value in received.get("headers", ())}
    yield "a request arrives", "" if received.get("path") == "/v1/orders" else text
    wanted = {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https"}
    forged = {name: headers.get(name) for name in wanted}
    yield "a forged address does not arrive", "" if forged == wanted else str(forged)
    for path in ("/metrics", "/%6Detrics", "//metrics", "/a/../metrics"):
        status, text = ask(f"GET {path} HTTP/1.1\nHost: {HOST}\n\n")
        hidden = json.loads(text)["path"] == "/not-found"
        yield f"{path} is not there", "" if hidden else text
    yield "another name gets no handshake", _handshake_fault(secure, "other.example.com")
    yield (
        "another host is refused",
        expect({404, 421}, ask("GET / HTTP/1.1\nHost: other.example.com\n\n")),
    )
    many = "".join(f"X-{number}: {'a' * 1000}\n" for number in range(72))
    yield "headers over 64 KiB", expect({431}, ask(f"{head}{many}\n"))
    for name, length, status in (
        # The service, which refuses it, says why.
        ("a body of 3 MiB arrives", 3 * 1024 * 1024, 200),
        ("a body over 4 MiB", 5 * 1024 * 1024, 413),
    ):
        large = f"POST / HTTP/1.1\nHost: {HOST}\nContent-Length: {length}\n\n"
        yield name, expect({status}, ask(large, b"a" * length))
    yield "an answer of 3 MiB", expect({200}, ask(f"{head}X-Filler: {3 * 1024 * 1024}\n\n"))
    yield "two hosts", expect({400}, ask(f"{head}Host: other.example.com\n\n"))
    yield (
        "two lengths",
        expect({400}, ask(f"{head}Content-Length: 1\nContent-Length: 2\n\n", b"ab")),
    )
    status, text = ask(
        f"{head.replace('GET', 'POST')}Content-Length: 4\nTransfer-Encoding: chunked\n\n",
        b"0\r\n\r\n",
    )
    names = {name.lower() for name, _ in json.loads(text)["headers"]} if status == 200 else set()
    ambiguous = {"content-length", "transfer-encoding"} <= names
    yield "a length and chunks", "both reach the service" if ambiguous else ""
    for name, beginning in (
        ("headers that trickle in", f"GET / HTTP/1.1\nHost: {HOST}\nX-Slow: "),
        ("a body that trickles in", f"POST / HTTP/1.1\nHost: {HOST}\nContent-Length: 100\n\nabc"),
    ):
        begun = time.monotonic()
        ask(beginning)
        seconds = time.monotonic() - begun
        yield name, "" if seconds < _READ_TIMEOUT + 3 else f"waited for {seconds:.0f} s"
    yield "too many in flight", _crowd_fault(secure)


@contextmanager
def _connection(port: int, tls: bool = True, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 15, (source, 0)) as plain:
        if not tls:
            yield plain
            return
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(plain, server_hostname=HOST) as connection:
            yield connection


def _exchange(
    port: int, request: bytes, tls: bool = True, source: str = "127.0.0.1"
) -> tuple[int, str]:
    """Send a request and read until its answer is whole, or the gateway closes: status and body."""
    with _connection(port, tls, source) as connection:
        answer = b""
        # It may refuse before it has everything, and close: the answer says why.
        with suppress(OSError):
            connection.sendall(request)
        with suppress(OSError):
            while part := connection.recv(65536):
                answer += part
                head, _, body = answer.partition(b"\r\n\r\n")
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:") and len(body) >= int(line[15:]):
                        return int(head[9:12]), body.decode()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head[9:12] or 0), body.decode()


def _crowd_fault(port: int) -> str:
    """Begin as many requests as one address may, then ask from that address and from another."""
    begun = (
        f"POST /orders.v1.OrderService/WatchOrders HTTP/1.1\r\nHost: {HOST}\r\nTE: trailers\r\n"
        "Content-Type: application/grpc\r\nContent-Length: 100\r\n\r\nabc"
    )
    request = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(_IN_FLIGHT):
            stack.enter_context(_connection(port)).sendall(begun.encode())
        time.sleep(0.5)
        same, _ = _exchange(port, request)
        other, _ = _exchange(port, request, source="127.0.0.2")
    if same == 429 != other:
        return ""
    return f"the same address is answered with {same}, another with {other}"


def _disguised_fault(port: int) -> str:
    """Ask to become a socket by a method that cannot, which is a request like any other."""
    length = 5 * 1024 * 1024
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nContent-Length: {length}\r\n\r\n"
    )
    status, text = _exchange(port, head.encode() + b"a" * length)
    return "" if status == 413 else f"answered with {status} {text[:200]}"


def _handshake_fault(port: int, name: str) -> str:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        try:
            context.wrap_socket(plain, server_hostname=name).close()
        except ssl.SSLError:
            return ""
    return "succeeds"


@contextmanager
def _gateway(project: Path, log: IO[str], live: str = "") -> Iterator[tuple[int, int]]:
    """Traefik as in compose.yaml, but for ports, timeouts, crowds and Let's Encrypt."""
    backend = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    plain, secure, ping = (_free_port() for _ in range(3))
    dynamic = project / ".dynamic"
    shutil.copytree(project / "deploy" / "traefik" / "dynamic", dynamic)
    for routes in dynamic.glob("*.yaml"):
        text = routes.read_text(encoding="utf-8").replace("{certResolver: letsencrypt}", "{}")
        text = re.sub(r"\bamount: \d+", f"amount: {_IN_FLIGHT}", text)
        routes.write_text(text, encoding="utf-8")
    _certificate(project, dynamic, log)
    http = f"http://127.0.0.1:{backend.server_port}"
    services = {
        name: {"loadBalancer": {"servers": [{"url": url}]}}
        for name, url in (("live", live or http), ("keys", http))
    }
    (dynamic / "live.yaml").write_text(
        yaml.safe_dump({"http": {"services": services}}), encoding="utf-8"
    )
    replaced = {
        "--entrypoints.web.address": (":80", f"127.0.0.1:{plain}"),
        "--entrypoints.websecure.address": (":443", f"127.0.0.1:{secure}"),
        "--entrypoints.ping.address": ("127.0.0.1:8080", f"127.0.0.1:{ping}"),
        "--providers.file.directory": ("/etc/traefik/dynamic", str(dynamic)),
        "--entrypoints.websecure.transport.respondingtimeouts.readtimeout": (
            "30s",
            f"{_READ_TIMEOUT}s",
        ),
    }
    document = yaml.safe_load((project / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    gateway = document["services"]["gateway"]
    flags = gateway["command"]
    # What it does not hold in memory it writes there: only where that can be written.
    temporary = project / ".tmp"
    if any(place.startswith("/tmp:") for place in gateway.get("tmpfs", ())):
        temporary.mkdir()
    command = [flag for flag in flags if "certresolver" not in flag]
    for name, (value, here) in replaced.items():
        if f"{name}={value}" not in command:
            raise FaultError(f"the gateway has not the flag {name}={value}")
        command[command.index(f"{name}={value}")] = f"{name}={here}"
    log.write(f"$ traefik {' '.join(command)}\n")
    log.flush()
    process = subprocess.Popen(
        [checker("traefik"), *command],
        cwd=project,
        env={"PUBLIC_HOST": HOST, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait(process, secure)
        yield plain, secure
    finally:
        process.terminate()
        process.wait(30)
        backend.shutdown()
        backend.server_close()


def _texts(folder: Path) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.yaml"))


def _socket_fault(port: int) -> str:
    """Open one as a subscription does, and see whether it works after the time-outs of requests."""
    handshake = (
        f"GET /graphql HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with _connection(port) as connection:
        connection.sendall(handshake.encode())
        head = connection.recv(10_000)
        if not head.startswith(b"HTTP/1.1 101 "):
            return head.decode("latin-1")
        time.sleep(_READ_TIMEOUT + 1)
        connection.sendall(b"still there")
        return "" if connection.recv(100) == b"still there" else "the gateway has closed it"


def _certificate(project: Path, dynamic: Path, log: IO[str]) -> None:
    execute(
        project,
        log,
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "1", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
        *("-keyout", ".key.pem", "-out", ".certificate.pem"),
    )
    (dynamic / "certificate.yaml").write_text(
        f"tls: {{certificates: [{{certFile: '{project}/.certificate.pem', "
        f"keyFile: '{project}/.key.pem'}}]}}\n",
        encoding="utf-8",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Until the gateway answers with the certificate, and so has read its configuration."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit and process.poll() is None:
        try:
            status, _ = _exchange(port, f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            # A gRPC server answers such a request as well, though not with 200.
            if status not in (0, 404, 502, 503):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise FaultError("the gateway does not start")
