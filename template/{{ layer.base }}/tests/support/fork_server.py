"""Starts `app` without its imports, which take most of its time: a process that has them forks.

Run as a module it is that process.
"""

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from dev.environment import PROJECT
from dev.processes import spawn, stop

IMPORTED = ("app.cli", "app.transport.server")
NUMBER = 4


class ForkedProcess:
    """What `subprocess.Popen` is for a child, for a process that the fork server has started."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.pid = self._receive()
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("app", timeout or 0)
            self.returncode = self._receive()
            self._connection.close()
        return self.returncode

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _receive(self) -> int:
        received = self._connection.recv(NUMBER, socket.MSG_WAITALL)
        assert len(received) == NUMBER, "the fork server has ended"
        return int.from_bytes(received, signed=True)


@contextmanager
def fork_server(path: Path) -> Iterator[None]:
    """Run it until the end of the context, listening on a socket of the path.

    There is none but on Linux: elsewhere the system's own libraries may not survive a fork.
    """
    if sys.platform != "linux":
        yield
        return
    command = [sys.executable, "-m", __name__, str(path)]
    process = spawn(command, log=path.with_suffix(".log"), cwd=PROJECT)
    try:
        while not path.exists():
            assert process.poll() is None, "the fork server has ended"
            time.sleep(0.01)
        yield
    finally:
        stop(process)


def fork(
    path: Path, arguments: Sequence[str], env: Mapping[str, str], streams: Sequence[int]
) -> ForkedProcess:
    """Start `app ARGUMENTS` in a session of its own, by the server of the path.

    The streams are its standard input, output and error.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    request = json.dumps({"arguments": arguments, "environment": dict(env)}).encode()
    socket.send_fds(connection, [len(request).to_bytes(NUMBER)], streams)
    connection.sendall(request)
    return ForkedProcess(connection)


def _serve(listener: socket.socket) -> dict[str, Any]:
    """Fork for each connection; return in each new process, with what it is to run."""
    children: dict[int, socket.socket] = {}
    ended, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        if ended in select.select([listener.fileno(), ended], [], [])[0]:
            os.read(ended, 1000)
            _tell_of_ends(children)
            continue
        connection, _ = listener.accept()
        size, streams, *_ = socket.recv_fds(connection, NUMBER, 3)
        request = connection.recv(int.from_bytes(size), socket.MSG_WAITALL)
        if (child := os.fork()) == 0:
            break
        children[child] = connection
        with suppress(ConnectionError):
            connection.sendall(child.to_bytes(NUMBER))
        for stream in streams:
            os.close(stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    os.close(ended)
    os.close(wakeup)
    for not_its_own in (listener, connection, *children.values()):
        not_its_own.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    decoded: dict[str, Any] = json.loads(request)
    return decoded


def _tell_of_ends(children: dict[int, socket.socket]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with children.pop(pid) as connection, suppress(ConnectionError):
            connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(NUMBER, signed=True))


def _main(path: str) -> None:
    del sys.path[0]  # The service finds nothing of its tests.
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.new")
    listener.listen(100)
    Path(f"{path}.new").rename(path)
    gc.disable()
    for name in IMPORTED:
        import_module(name)
    gc.freeze()
    request = _serve(listener)
    os.setsid()
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[:] = ["app", *request["arguments"]]
    gc.enable()
    import_module("app.__main__").main()


if __name__ == "__main__":
    _main(sys.argv[1])
