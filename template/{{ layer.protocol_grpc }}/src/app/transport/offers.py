"""How a feature offers a service."""

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc
from google.protobuf.descriptor import ServiceDescriptor


class Offer(NamedTuple):
    """A service of the contract, how it is added to a server, and what answers for it."""

    contract: ServiceDescriptor
    add: Callable[[Any, grpc.aio.Server], None]
    servicer: object
