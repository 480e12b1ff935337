"""`python -m dev COMMAND`: what `make` runs on a development machine."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from types import FrameType

from dev import api, contract, error_catalogue
from dev.background import BACKGROUND
from dev.environment import DATA, PROJECT, SCRIPTS, configured, provided
from dev.processes import DevelopmentError, Place, answers, await_end, guard, spawn


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
    known = configured()
    ports = {name: _port(known, name, default) for name, default in api.PORTS.items()}
    with provided(Place(DATA, durable=True), known) as environment:
        match arguments.command:
            case "run":
                return _run(environment, ports)
            case "exec":
                return _execute(arguments.arguments, environment)
            case "env":
                return _print_environment(environment)
            case name:
                return _execute([*BACKGROUND[name]], _beside(environment, ports["PORT"] + 1))


def _port(known: dict[str, str], name: str, default: int) -> int:
    text = known.get(name, str(default))
    if not text.isdecimal():
        raise DevelopmentError(f"{name} must be a number, and is {text!r}")
    return int(text)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # `uv run` passes on a signal that the terminal has sent to this process already.
    for stopping in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stopping, signal.SIG_IGN)
    raise KeyboardInterrupt


def _beside(environment: dict[str, str], port: int) -> dict[str, str]:
    """The environment of a process that listens on the next free port."""
    free = next(candidate for candidate in range(port + 1, 65536) if not answers(candidate))
    return {**environment, "PORT": str(free)}


def _run(environment: dict[str, str], ports: dict[str, int]) -> int:
    for name, port in ports.items():
        if answers(port):
            raise DevelopmentError(f"Port {port} is in use: stop what listens there, or set {name}")
    # Apart from the terminal, as the others are: Ctrl-C is for this process to handle.
    migration = subprocess.run(
        [SCRIPTS / "app", "migrate", "upgrade"],
        env=environment,
        check=False,
        start_new_session=True,
    )
    if migration.returncode:
        raise DevelopmentError("The database cannot be migrated")
    serve = spawn([SCRIPTS / "app", "serve"], env=environment, cwd=PROJECT)
    processes = [serve]
    try:
        while not all(map(answers, ports.values())):
            _check(processes)
            time.sleep(0.05)
        for program, *rest in BACKGROUND.values():
            command = [str(SCRIPTS / program), *rest]
            processes.append(spawn(command, env=_beside(environment, ports["PORT"]), cwd=PROJECT))
        welcome = api.WELCOME.format(**{name.lower(): port for name, port in ports.items()})
        print(f"\n{welcome} Ctrl-C ends it.\n", flush=True)
        while True:
            _check(processes)
            time.sleep(0.2)
    finally:
        running = [process for process in processes if process.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            await_end(process)


def _check(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is not None:
            raise DevelopmentError(f"A process of the service has ended with {process.returncode}")


def _execute(arguments: list[str], environment: dict[str, str]) -> int:
    """Run in the foreground, where the command gets Ctrl-C from the terminal itself."""
    if arguments[:1] == ["--"]:
        del arguments[0]
    path = f"{SCRIPTS}{os.pathsep}{environment.get('PATH', '')}"
    process = subprocess.Popen(arguments, env={**environment, "PATH": path})
    guard().watch(process.pid, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            await_end(process)


def _print_environment(environment: dict[str, str]) -> int:
    for name, value in environment.items():
        if os.environ.get(name) != value:
            print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
