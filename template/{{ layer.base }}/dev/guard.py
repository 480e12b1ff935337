"""Ends what a development process started, should that process end without doing so itself.

Run as a script it is the guard: it reads `watch PID SIGNAL`, `forget PID` and `remove FOLDER` from
its standard input, a pipe that closes however its starter ends, and then acts on what is left.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

STOP_SECONDS = 30.0


class Guard:
    """The starter's side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__], stdin=subprocess.PIPE, start_new_session=True
        )

    def watch(self, pid: int, stop_signal: signal.Signals) -> None:
        """End the process with the signal, unless `forget` is told first."""
        self._say(f"watch {pid} {stop_signal.value}")

    def forget(self, pid: int) -> None:
        self._say(f"forget {pid}")

    def remove(self, folder: Path) -> None:
        """Remove a temporary folder after all processes have ended."""
        self._say(f"remove {folder}")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()


class _Watched:
    """A process by its handle where the system has such, since its number may go to another one."""

    def __init__(self, pid: int, stop_signal: int) -> None:
        self.stop_signal = stop_signal
        self._pid = pid
        if sys.platform == "linux":
            self._handle = os.pidfd_open(pid)

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "linux":
                signal.pidfd_send_signal(self._handle, number)
            else:
                os.kill(self._pid, number)

    def alive(self) -> bool:
        if sys.platform == "linux":
            alive = not select.select([self._handle], [], [], 0)[0]
        else:
            alive = _exists(self._pid)
        return alive

    def forget(self) -> None:
        if sys.platform == "linux":
            os.close(self._handle)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _end(processes: list[_Watched]) -> None:
    left = [process for process in reversed(processes) if process.alive()]
    for process in left:
        process.send(process.stop_signal)
    limit = time.monotonic() + STOP_SECONDS
    while (left := [process for process in left if process.alive()]) and time.monotonic() < limit:
        time.sleep(0.05)
    for process in left:
        process.send(signal.SIGKILL)


def _main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    processes: dict[int, _Watched] = {}
    folders: list[str] = []
    for line in sys.stdin:
        match line.rstrip("\n").split(" ", 1):
            case ["watch", rest]:
                pid, stop_signal = map(int, rest.split())
                with contextlib.suppress(ProcessLookupError):
                    processes[pid] = _Watched(pid, stop_signal)
            case ["forget", rest]:
                if (forgotten := processes.pop(int(rest), None)) is not None:
                    forgotten.forget()
            case ["remove", rest]:
                folders.append(rest)
    _end(list(processes.values()))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main()
