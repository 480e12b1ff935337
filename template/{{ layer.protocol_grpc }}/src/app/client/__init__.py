"""Calling gRPC services, this one from others and others from this one."""

from app.client.channel import ClientOptions, TokenSource, open_channel
from app.client.errors import CallError
from app.client.orders import OrdersClient

__all__ = ["CallError", "ClientOptions", "OrdersClient", "TokenSource", "open_channel"]
