"""The command `app` as processes, forked from one that has imported it already.

The import is what takes the time of a start, and a test run starts some fifty processes.
"""

import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.__main__ import main
from dev.environment import PROJECT
from dev.guard import STOP_SECONDS
from dev.processes import guard

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["app.cli", __name__])


class AppProcess:
    """`app ARGUMENTS` in a session of its own, with no more of an environment than is given."""

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
        text: str = "",
        run: Callable[[], object] = main,
    ) -> None:
        """Start it: `errors` go to `output` where they have no file of their own.

        `run` is what the process does instead of the command, and can be pickled.
        """
        files = (output, errors or output)
        self._process = _FORKS.Process(
            target=_run, args=(run, arguments, dict(env), files, text), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self._pid = self._process.pid
        guard().watch(self._pid, signal.SIGTERM)

    @property
    def ended(self) -> bool:
        return self._process.exitcode is not None

    def send_signal(self, number: signal.Signals) -> None:
        """Send it unless the process has ended."""
        if not self.ended:
            os.kill(self._pid, number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """The exit status, or minus the number of the signal; it is killed where it is late."""
        self._process.join(seconds)
        if not self.ended:
            self._process.kill()
            self._process.join()
        guard().forget(self._pid)
        assert self._process.exitcode is not None
        return self._process.exitcode


def _run(
    run: Callable[[], object],
    arguments: Sequence[str],
    env: dict[str, str],
    files: tuple[Path, Path],
    text: str,
) -> None:
    os.setsid()
    for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    sys.stdin = io.StringIO(text)
    sys.argv = ["app", *arguments]
    os.environ.clear()
    os.environ.update(env)
    os.chdir(PROJECT)
    run()
