"""The standard health service, `grpc.health.v1.Health`, which follows the service's readiness."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

from app.auth.access import public
from app.errors import AppError, ErrorCode
from app.platform.health import Health
from app.transport.calls import ServicerContext

LIVE = "live"
"""The name under which the process alone is asked for, whatever its database does."""

_INTERVAL_SECONDS = 1.0
# Its types leave it out.
_LIST_RESPONSE: Any = getattr(health_pb2, "HealthListResponse")  # noqa: B009


class HealthApi(HealthServicer):
    """Each service, and the server as a whole by the empty name, serves while all parts do.

    The parts are asked at most once a second, however many ask for them here.
    """

    def __init__(self, health: Health, services: Iterable[str]) -> None:
        self._health = health
        self._services = frozenset({"", LIVE, *services})

    @public
    async def Check(
        self, request: HealthCheckRequest, context: ServicerContext
    ) -> HealthCheckResponse:
        if request.service not in self._services:
            raise AppError(ErrorCode.NOT_FOUND, "No service of this name is served here")
        return HealthCheckResponse(status=await self._status(request.service))

    @public
    async def List(self, request: Any, context: ServicerContext) -> Any:
        statuses = {
            name: HealthCheckResponse(status=await self._status(name)) for name in self._services
        }
        return _LIST_RESPONSE(statuses=statuses)

    @public
    async def Watch(
        self, request: HealthCheckRequest, context: ServicerContext
    ) -> AsyncIterator[HealthCheckResponse]:
        told: int | None = None
        while True:
            status = await self._status(request.service)
            if status != told:
                told = status
                yield HealthCheckResponse(status=status)
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def _status(self, service: str) -> Any:
        if service not in self._services:
            return HealthCheckResponse.SERVICE_UNKNOWN
        ready = service == LIVE or (await self._health.report()).ready
        return HealthCheckResponse.SERVING if ready else HealthCheckResponse.NOT_SERVING
