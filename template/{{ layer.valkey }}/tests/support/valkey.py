"""A Valkey server that a test may freeze, end and start again on the same port."""

import os
import signal
import subprocess
import time
from pathlib import Path

from dev.processes import answers, free_port, spawn, stop
from dev.providers.valkey import program


class Valkey:
    """One server without a password or persistence."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Run it; returns when it accepts connections."""
        # It notices a signal as often a second as `hz` says.
        options = ("--bind", "127.0.0.1", "--save", "", "--hz", "500", "--dir", self._folder)
        command = (program(), "--port", str(self._port), *options)
        self._process = spawn(command, log=self._folder / "valkey.log")
        while not answers(self._port):
            assert self._process.poll() is None, "Valkey has ended"
            time.sleep(0.005)

    def stop(self) -> None:
        """End it, frozen or not."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            stop(self._process)
            self._process = None

    def freeze(self) -> None:
        """Let it keep its connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
