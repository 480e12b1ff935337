"""The command of the protocol: export of the contract."""

import json
from typing import Any

import typer
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.json_format import MessageToDict


def register(cli: typer.Typer) -> None:
    """Add `proto`."""

    @cli.command("proto")
    def export_proto() -> None:
        """Print the services and messages as a JSON image, which `buf` and its plugins read."""
        from app.transport.services import CONTRACT

        image = FileDescriptorSet()
        for file in CONTRACT:
            _add(image, file)
        typer.echo(json.dumps(MessageToDict(image), indent=1, sort_keys=True))


def _add(image: FileDescriptorSet, file: FileDescriptor) -> None:
    """A file after those that it imports, each of them once and without the options of others."""
    imported = [other for other in file.dependencies if not other.extensions_by_name]
    for other in imported:
        _add(image, other)
    if all(file.name != other.name for other in image.file):
        added = image.file.add()
        file.CopyToProto(added)
        added.dependency[:] = [other.name for other in imported]
        _clear_extensions(added)


def _clear_extensions(message: Any) -> None:
    for field, value in message.ListFields():
        if field.is_extension:
            message.ClearExtension(field)
        elif field.message_type:
            for part in value if field.is_repeated else (value,):
                _clear_extensions(part)
