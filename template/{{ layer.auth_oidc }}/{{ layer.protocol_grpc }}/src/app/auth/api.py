"""Nothing of its own over gRPC: tokens come from the identity provider, and tell who has them."""

from collections.abc import Sequence

from google.protobuf.descriptor import FileDescriptor
from starlette.routing import BaseRoute

from app.bootstrap import Service
from app.transport.offers import Offer

CONTRACT: Sequence[FileDescriptor] = ()


def offers(_service: Service) -> list[Offer]:
    """What the authentication model offers over gRPC."""
    return []


def http_routes(_service: Service) -> list[BaseRoute]:
    """What it offers on the HTTP port beside it."""
    return []
