"""`python -m dev COMMAND`: what `make` runs on a development machine."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from types import FrameType

from dev import contract, error_catalogue
from dev.background import BACKGROUND
from dev.environment import DATA, PROJECT, SCRIPTS, configured, provided
from dev.processes import DevelopmentError, Place, answers, spawn, stop


def main() -> int:
    """Parse the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dev")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="serve, with everything that the service needs")
    for name in BACKGROUND:
        commands.add_parser(name, help=f"run `app {name}`")
    execute = commands.add_parser("exec", help="run a command in the service's environment")
    execute.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND")
    export = commands.add_parser("contract", help="rewrite the committed API contract")
    export.add_argument("--check", action="store_true", help="compare instead")
    commands.add_parser("errors", help="rewrite docs/errors.md")
    commands.add_parser("env", help="print what the providers set, for a running service")
    arguments = parser.parse_args()
    for stopping in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stopping, _interrupt)
    try:
        return _dispatch(arguments)
    except DevelopmentError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _dispatch(arguments: argparse.Namespace) -> int:
    if arguments.command == "contract":
        (contract.check if arguments.check else contract.rewrite)()
        return 0
    if arguments.command == "errors":
        error_catalogue.rewrite()
        return 0
    with provided(Place(DATA, durable=True), configured()) as environment:
        match arguments.command:
            case "run":
                return _run(environment)
            case "exec":
                return _execute(arguments.arguments, environment)
            case "env":
                return _print_environment(environment)
            case name:
                return _execute([*BACKGROUND[name]], _second(environment))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _second(environment: dict[str, str]) -> dict[str, str]:
    """A second process of the service listens beside the first."""
    return {**environment, "PORT": str(int(environment.get("PORT", "8000")) + 1)}


def _run(environment: dict[str, str]) -> int:
    port = int(environment.get("PORT", "8000"))
    if answers(port):
        raise DevelopmentError(f"Port {port} is in use: stop what listens there, or set PORT")
    subprocess.run([SCRIPTS / "app", "migrate", "upgrade"], env=environment, check=True)
    commands = {"serve": ("app", "serve"), **BACKGROUND}
    processes = []
    try:
        for name, (program, *rest) in commands.items():
            env = environment if name == "serve" else _second(environment)
            processes.append(spawn([SCRIPTS / program, *rest], env=env, cwd=PROJECT))
        while not answers(port):
            _check(processes)
            time.sleep(0.05)
        print(f"\nServing on http://127.0.0.1:{port} (docs: /docs). Ctrl-C stops it.\n", flush=True)
        while True:
            _check(processes)
            time.sleep(0.2)
    finally:
        for process in processes:
            if process.poll() is None:
                stop(process)


def _check(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is not None:
            raise DevelopmentError(f"A process of the service has ended with {process.returncode}")


def _execute(arguments: list[str], environment: dict[str, str]) -> int:
    if arguments[:1] == ["--"]:
        del arguments[0]
    path = f"{SCRIPTS}{os.pathsep}{environment.get('PATH', '')}"
    return subprocess.run(arguments, env={**environment, "PATH": path}, check=False).returncode


def _print_environment(environment: dict[str, str]) -> int:
    for name, value in environment.items():
        if os.environ.get(name) != value:
            print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
