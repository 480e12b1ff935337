"""Servers and services as child processes that never outlive whoever started them."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dev.guard import STOP_SECONDS, Guard


class DevelopmentError(Exception):
    """Something is missing; the message is one line that says what to do."""


@dataclass(frozen=True)
class Place:
    """Where providers keep their data: `durable` survives a crash, otherwise speed counts."""

    root: Path
    durable: bool

    def folder(self, name: str) -> Path:
        """A private folder, made if absent."""
        path = self.root / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path


@cache
def guard() -> Guard:
    """The one guard of this process."""
    return Guard()


def free_port() -> int:
    """A loopback port outside of the range that outgoing connections use."""
    with _bound_socket() as bound:
        port: int = bound.getsockname()[1]
        return port


@contextmanager
def kept_port() -> Iterator[int]:
    """A free port that nobody else finds free meanwhile, while a server may listen on it.

    Linux lets servers do so, which set SO_REUSEADDR, as long as nobody else listens.
    """
    with _bound_socket() as bound:
        port: int = bound.getsockname()[1]
        if sys.platform == "linux":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            bound.close()
        yield port


def _bound_socket() -> socket.socket:
    while True:
        bound = socket.socket()
        try:
            bound.bind(("127.0.0.1", random.randrange(15000, 32000)))  # noqa: S311
        except OSError:
            bound.close()
        else:
            return bound


def answers(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def spawn(
    command: Sequence[str | Path],
    *,
    stop_signal: signal.Signals = signal.SIGTERM,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in its own session, so that Ctrl-C in the terminal does not reach it.

    Its output goes to `log`, or to this process's own output.
    """
    with (log or Path(os.devnull)).open("ab") as output:
        target = output if log else None
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=target,
            stderr=target,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
        )
    guard().watch(process.pid, stop_signal)
    return process


def stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals = signal.SIGTERM) -> int:
    """End the process and return its exit status; it is killed when it takes too long."""
    process.send_signal(stop_signal)
    return await_end(process)


def await_end(process: subprocess.Popen[bytes]) -> int:
    """The exit status of a process that has been told to end; it is killed if it takes too long."""
    try:
        status = process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    guard().forget(process.pid)
    return status


@contextmanager
def server(
    name: str,
    command: Callable[[int], Sequence[str | Path]],
    ready: Callable[[int], bool],
    log: Path,
    stop_signal: signal.Signals = signal.SIGTERM,
    fixed_port: int | None = None,
) -> Iterator[int]:
    """Run a server, yielded once it is ready; a free port lost to a race is replaced."""
    for _ in range(3):
        port = fixed_port or free_port()
        process = spawn(command(port), stop_signal=stop_signal, log=log)
        try:
            limit = time.monotonic() + 30
            while process.poll() is None and time.monotonic() < limit:
                if ready(port):
                    yield port
                    return
                time.sleep(0.02)
        finally:
            stop(process, stop_signal)
    raise DevelopmentError(f"{name} does not start: see {log}")
