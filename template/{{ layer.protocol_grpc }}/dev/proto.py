"""`python -m dev.proto`: Python code from `proto/`; with `--check`, whether it is fresh and clean.

Nothing is fetched: the definitions that ours import come from the installed packages.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc
from protovalidate import ViolationPb

from dev.environment import PROJECT, SCRIPTS
from dev.processes import DevelopmentError

SOURCES = PROJECT / "proto"
PACKAGE = PROJECT / "src" / "app" / "proto"
# Imported by ours, and without Python code in an installed package.
VALIDATION = "buf/validate/validate.proto"
WELL_KNOWN = Path(protoc.__file__).parent / "_proto"


def main() -> int:
    """Generate or check; 1 where something is not as it should be."""
    try:
        if sys.argv[1:] == ["--check"]:
            check()
        else:
            write()
    except DevelopmentError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _sources() -> list[str]:
    return sorted(file.relative_to(SOURCES).as_posix() for file in SOURCES.rglob("*.proto"))


def write() -> None:
    """Write the code anew, and remove what is of no definition any more."""
    with tempfile.TemporaryDirectory() as folder:
        made = _generated(Path(folder))
        for name, text in made.items():
            file = PACKAGE / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for name in _committed().keys() - made.keys():
            (PACKAGE / name).unlink()
    print(f"Wrote {PACKAGE.relative_to(PROJECT)}: commit it.")


def check() -> None:
    """Raises `DevelopmentError` for the first of stale code, an unusual style, and a lint."""
    with tempfile.TemporaryDirectory() as folder:
        if _generated(Path(folder)) != _committed():
            where = PACKAGE.relative_to(PROJECT)
            raise DevelopmentError(f"{where} is not what proto/ says: run `make contract`")
        _buf("format", str(SOURCES), "--diff", "--exit-code")
        of_ours = [f"--path={name}" for name in _sources()]
        _buf(
            "lint",
            str(Path(folder, "image.binpb")),
            "--config",
            str(PROJECT / "buf.yaml"),
            *of_ours,
        )
    print("src/app/proto is what proto/ says.")


def _committed() -> dict[str, str]:
    return _texts(PACKAGE)


def _texts(root: Path) -> dict[str, str]:
    return {
        file.relative_to(root).as_posix(): file.read_text(encoding="utf-8")
        for file in root.rglob("*_pb2*")
        if file.suffix in {".py", ".pyi"}
    }


def _generated(folder: Path) -> dict[str, str]:
    """The generated files by their paths in the package; `image.binpb` in the folder is of all."""
    image, code = folder / "image.binpb", folder / "code"
    code.mkdir()
    sources = _sources()
    (folder / "imported.binpb").write_bytes(_imported())
    _protoc(
        f"--descriptor_set_in={folder / 'imported.binpb'}",
        *(f"-I{SOURCES}", f"-I{WELL_KNOWN}"),
        *("--include_imports", "--include_source_info", f"--descriptor_set_out={image}"),
        *sources,
    )
    plugins = f"{SCRIPTS / 'protoc-gen-mypy'}", f"{SCRIPTS / 'protoc-gen-mypy_grpc'}"
    _protoc(
        *(f"--plugin={path}" for path in plugins),
        f"--descriptor_set_in={image}",
        *(f"--python_out={code}", f"--mypy_out=quiet:{code}"),
        *(f"--grpc_python_out={code}", f"--mypy_grpc_out=quiet:{code}"),
        *sources,
        VALIDATION,
    )
    texts = _texts(code)
    return {
        name: _within_package(text)
        for name, text in texts.items()
        # It has no service.
        if not name.startswith("buf/validate/validate_pb2_grpc")
    }


def _imported() -> bytes:
    """What ours import besides the well-known types."""
    files = FileDescriptorSet()
    field_behavior_pb2.DESCRIPTOR.CopyToProto(files.file.add())
    files.file.add().ParseFromString(ViolationPb.desc().file.proto.to_binary())
    return files.SerializeToString()


def _within_package(text: str) -> str:
    """The code with its imports of generated modules changed to where those are.

    The generators name modules as if `proto/` itself were on the path.
    """
    ours = {name.partition("/")[0] for name in (*_sources(), VALIDATION)}
    generated = "|".join(sorted(ours))
    return re.sub(rf"(?m)^from (?=({generated})\.)", "from app.proto.", text)


def _protoc(*arguments: str) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", *arguments]
    _run(command, "proto/ does not compile")


def _buf(*arguments: str) -> None:
    _run([str(SCRIPTS / "buf"), *arguments], f"`buf {arguments[0]}`")


def _run(command: Sequence[str], what: str) -> None:
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevelopmentError(f"{what}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
