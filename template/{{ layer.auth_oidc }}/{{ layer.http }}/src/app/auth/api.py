"""`/users/me`: who the caller is to this service, which keeps no accounts."""

from fastapi import APIRouter

from app.auth.access import authenticated
from app.auth.schema import CallerOut
from app.transport.access import AccessRoute
from app.transport.request import ApiRequest
from app.transport.responses import error_responses, success

router = APIRouter(tags=["auth"], route_class=AccessRoute)
public_router = APIRouter(tags=["auth"], route_class=AccessRoute)


@router.get(
    "/users/me",
    operation_id="getMe",
    responses={200: success("The caller"), **error_responses()},
)
@authenticated
async def me(request: ApiRequest) -> CallerOut:
    """Read who the caller is, and what its token allows."""
    return CallerOut.of(request.principal)
