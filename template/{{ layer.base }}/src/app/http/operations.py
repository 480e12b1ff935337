"""Health and metrics, alike for every process of the service."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from app.auth.principal import Permission
from app.errors import AppError, ErrorCode, FieldFault, error_body
from app.http.errors import handle_app_error, handle_http_exception
from app.http.middleware import middleware_stack
from app.http.middleware.identity import require_principal
from app.http.routing import NamedRoute
from app.platform.context import context
from app.platform.health import HealthReport
from app.platform.metrics import set_build_info, watch_pool
from app.project import VERSION

if TYPE_CHECKING:
    from app.bootstrap import Service

_PAGE_BYTES = 4096


def operations_routes(service: "Service") -> list[BaseRoute]:
    """`/health`, `/health/live`, `/health/ready`, `/health/detailed` and `/metrics`."""
    watch_pool(service.database.pool_status)
    set_build_info(VERSION, service.settings.runtime.app_commit)

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_request: Request) -> Response:
        return _readiness(await service.health.report())

    async def detailed(request: Request) -> Response:
        require_principal(request.scope).require(Permission.OPS_READ)
        report = await service.health.details()
        pool = service.database.pool_status()
        body: dict[str, object] = {
            "status": _status(report),
            "version": VERSION,
            "commit": service.settings.runtime.app_commit,
            "memory_bytes": _resident_memory(),
            "pool": {"used": pool.used, "idle": pool.idle, "maximum": pool.maximum},
            "parts": {
                name: {"status": part.issue or "ok", "latency_ms": part.latency_ms}
                for name, part in report.parts.items()
            },
        }
        if "database" not in report.failing:
            body["queue"] = await service.queue.depth()
        return JSONResponse(body)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [
        NamedRoute("/health", ready),
        NamedRoute("/health/live", live),
        NamedRoute("/health/ready", ready),
        NamedRoute("/health/detailed", detailed),
        NamedRoute("/metrics", metrics),
    ]


def operations_app(
    service: "Service",
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """An application with the operations endpoints, and few `routes` beside them."""
    app = Starlette(
        routes=[*operations_routes(service), *routes],
        middleware=middleware_stack(service),
        exception_handlers={
            AppError: handle_app_error,
            HTTPException: handle_http_exception,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _status(report: HealthReport) -> str:
    if report.draining:
        return "draining"
    return "ready" if report.ready else "unavailable"


def _readiness(report: HealthReport) -> Response:
    body: dict[str, object] = {
        "status": _status(report),
        "parts": {name: part.issue or "ok" for name, part in report.parts.items()},
    }
    if report.ready:
        return JSONResponse(body)
    faults = [FieldFault(name, report.parts[name].issue) for name in report.failing]
    if report.draining:
        faults.append(FieldFault("server", "draining"))
    error = AppError(ErrorCode.DEPENDENCY_UNAVAILABLE, "The service is not ready", details=faults)
    return JSONResponse(body | error_body(error, context().request_id), 503)


def _resident_memory() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return None
