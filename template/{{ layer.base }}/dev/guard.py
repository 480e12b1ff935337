"""Ends what a development process started, should that process end without doing so itself.

Run as a script it is the guard: it reads `watch PID SIGNAL`, `forget PID` and `remove FOLDER` from
its standard input, a pipe that closes however its starter ends, and then acts on what is left.
"""

import contextlib
import os
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


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _end(processes: dict[int, int]) -> None:
    for pid, stop_signal in reversed(processes.items()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, stop_signal)
    limit = time.monotonic() + STOP_SECONDS
    while time.monotonic() < limit and any(map(_alive, processes)):
        time.sleep(0.05)
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    processes: dict[int, int] = {}
    folders: list[str] = []
    for line in sys.stdin:
        match line.rstrip("\n").split(" ", 1):
            case ["watch", rest]:
                pid, stop_signal = map(int, rest.split())
                processes[pid] = stop_signal
            case ["forget", rest]:
                processes.pop(int(rest), None)
            case ["remove", rest]:
                folders.append(rest)
    _end(processes)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main()
