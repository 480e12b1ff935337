"""`/auth/register` and `/users/me`: parse, call the service, answer."""

from fastapi import APIRouter, Response

from app.auth.access import authenticated, public
from app.auth.accounts_schema import Registration, RegistrationOut, UserOut
from app.transport.access import AccessRoute
from app.transport.idempotency import REPLAYED, REPLAYED_HEADER, IdempotencyKeyDep
from app.transport.request import ApiRequest
from app.transport.responses import error_responses, success

router = APIRouter(tags=["auth"], route_class=AccessRoute)


@router.post(
    "/auth/register",
    operation_id="register",
    status_code=202,
    responses={
        202: success("The address has an account", **REPLAYED_HEADER),
        **error_responses(409, 413, 415, 422, public=True),
    },
)
@public
async def register(
    body: Registration, key: IdempotencyKeyDep, request: ApiRequest, response: Response
) -> RegistrationOut:
    """Create an account, which can log in at once.

    An address that has an account already keeps its password and gets the same answer. The first
    account is a member like any other.
    """
    if await request.service.auth.accounts.register(body.email, body.password, key):
        response.headers.update(REPLAYED)
    return RegistrationOut()


@router.get(
    "/users/me",
    operation_id="getMe",
    responses={200: success("The account"), **error_responses()},
)
@authenticated
async def me(request: ApiRequest) -> UserOut:
    """Read the caller's own account."""
    return UserOut.of(await request.service.auth.accounts.get(request.principal), request.principal)
