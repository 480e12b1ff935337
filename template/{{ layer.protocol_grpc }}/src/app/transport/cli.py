"""The command of the protocol: export of the contract."""

import json

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
    """A file after those that it imports, each of them once."""
    for imported in file.dependencies:
        _add(image, imported)
    if all(file.name != other.name for other in image.file):
        file.CopyToProto(image.file.add())
