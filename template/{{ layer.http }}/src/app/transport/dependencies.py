"""What endpoints ask for."""

from typing import Annotated

from fastapi import Depends, Request

from app.auth.principal import Principal
from app.bootstrap import Service
from app.http.middleware.identity import require_principal


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _principal(request: Request) -> Principal:
    return require_principal(request.scope)


ServiceDep = Annotated[Service, Depends(_service)]
PrincipalDep = Annotated[Principal, Depends(_principal)]
