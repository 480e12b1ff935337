"""Load on one URL: by wrk where it is installed, else by a loader of our own."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """One request, sent over and over."""

    method: str
    url: str
    headers: dict[str, str]
    body: str = ""


@dataclass(frozen=True)
class Load:
    """What the clients saw: latencies in milliseconds, `errors` all that was no 2xx."""

    rps: float
    p50: float
    p99: float
    errors: int


def put_load(request: Request, seconds: float, connections: int) -> Load:
    """Keep every connection busy for the time. Runs in another process, as clients do."""
    if shutil.which("wrk"):
        return _wrk(request, seconds, connections)
    arguments = json.dumps([asdict(request), seconds, connections])
    command = [sys.executable, "-m", "benchmarks.load", arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Load(**json.loads(done.stdout))


_SCRIPT = """
wrk.method = {method}
wrk.body = {body}
wrk.headers = {{ {headers} }}
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def _wrk(request: Request, seconds: float, connections: int) -> Load:
    headers = ", ".join(f"[{_lua(k)}] = {_lua(v)}" for k, v in request.headers.items())
    script = _SCRIPT.format(method=_lua(request.method), body=_lua(request.body), headers=headers)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        options = ["-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s", "-s", file.name]
        done = subprocess.run(
            ["wrk", *options, request.url], check=True, capture_output=True, text=True
        )
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    assert found is not None, done.stdout
    requests, duration, p50, p99, errors = map(int, found.groups())
    return Load(requests / duration * 1_000_000, p50 / 1000, p99 / 1000, errors)


def _lua(text: str) -> str:
    # JSON's escapes are Lua's for the ASCII text that is sent here.
    return json.dumps(text)


class _Client(asyncio.Protocol):
    """One connection, which sends the next request when the last one is answered."""

    def __init__(self, head: bytes, deadline: float, latencies: list[float]) -> None:
        self._request = head
        self._deadline = deadline
        self._latencies = latencies
        self._data = b""
        self.errors = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._started = time.perf_counter()
        if self._started >= self._deadline:
            self._transport.close()
        else:
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, rest = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if len(rest) < (int(length[1]) if length else 0):
            return
        self._latencies.append(time.perf_counter() - self._started)
        self.errors += not head.startswith(b"HTTP/1.1 2")
        self._data = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.errors += exc is not None
        self.done.set_result(None)


async def _own(request: Request, seconds: float, connections: int) -> Load:
    url = urlsplit(request.url)
    assert url.hostname is not None
    assert url.port is not None
    headers = {"Host": url.netloc, "Content-Length": str(len(request.body)), **request.headers}
    lines = [f"{request.method} {url.path or '/'} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = ("\r\n".join(lines) + "\r\n\r\n" + request.body).encode()
    latencies: list[float] = []
    started = time.perf_counter()
    clients: list[_Client] = []
    for _ in range(connections):
        _, client = await asyncio.get_running_loop().create_connection(
            lambda: _Client(head, started + seconds, latencies), url.hostname, url.port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - started
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * part)] * 1000 for part in (0.5, 0.99))
    return Load(len(latencies) / elapsed, p50, p99, sum(client.errors for client in clients))


if __name__ == "__main__":
    fields, for_seconds, over_connections = json.loads(sys.argv[1])
    result = asyncio.run(_own(Request(**fields), for_seconds, over_connections))
    print(json.dumps(asdict(result)))
