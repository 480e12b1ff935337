"""What endpoints ask for."""

from typing import Annotated

from fastapi import Depends, Request

from app.auth.principal import Principal
from app.bootstrap import Service
from app.errors import AppError, ErrorCode
from app.platform.context import context


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _principal() -> Principal:
    principal = context().principal
    if principal is None:
        raise AppError(ErrorCode.UNAUTHENTICATED)
    return principal


ServiceDep = Annotated[Service, Depends(_service)]
PrincipalDep = Annotated[Principal, Depends(_principal)]
