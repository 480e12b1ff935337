"""Which services the server offers."""

from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from app.auth import api as auth
from app.auth.access import access_to
from app.bootstrap import Service
from app.features.audit.api import AuditApi
from app.features.orders.api import OrdersApi
from app.features.orders.watch import OrderWatch
from app.proto.audit.v1 import audit_pb2
from app.proto.audit.v1.audit_pb2_grpc import add_AuditServiceServicer_to_server
from app.proto.orders.v1 import orders_pb2
from app.proto.orders.v1.orders_pb2_grpc import add_OrderServiceServicer_to_server
from app.transport.health_api import HealthApi
from app.transport.offers import Offer

CONTRACT: Sequence[FileDescriptor] = (
    orders_pb2.DESCRIPTOR,
    *auth.CONTRACT,
    audit_pb2.DESCRIPTOR,
    # Your own files go below this line.
)


def offers(service: Service, watch: OrderWatch) -> list[Offer]:
    """Every service of the contract."""
    orders, audit = orders_pb2.DESCRIPTOR.services_by_name, audit_pb2.DESCRIPTOR.services_by_name
    return [
        Offer(
            orders["OrderService"],
            add_OrderServiceServicer_to_server,
            OrdersApi(service.orders, watch),
        ),
        *auth.offers(service),
        Offer(audit["AuditService"], add_AuditServiceServicer_to_server, AuditApi(service.audit)),
        # Your own services go below this line.
    ]


def check_offer(offer: Offer) -> None:
    """Raise `LookupError` for a method that the interceptors cannot judge.

    Such is one without a decision on who may call it, and one that takes a stream of messages.
    """
    for method in offer.contract.methods:
        access_to(getattr(offer.servicer, method.name))
        if method.client_streaming:
            raise LookupError(f"{method.full_name}: must take one message, not a stream of them")


def add_services(server: grpc.aio.Server, service: Service, watch: OrderWatch) -> Sequence[str]:
    """Add every service to the server, and the one that tells of their health; return the names."""
    found = offers(service, watch)
    for offer in found:
        check_offer(offer)
        offer.add(offer.servicer, server)
    names = [offer.contract.full_name for offer in found]
    add_HealthServicer_to_server(HealthApi(service.health, names), server)
    return [*names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name]
