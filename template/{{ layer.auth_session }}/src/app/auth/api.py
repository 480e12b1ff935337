"""Sessions: parse, call the service, answer."""

from fastapi import APIRouter, Depends, Response

from app.auth import accounts_api
from app.auth.access import authenticated, public
from app.auth.accounts_schema import PasswordChange
from app.auth.authentication import AuthRequest
from app.auth.csrf import SAFE_METHODS
from app.auth.schema import Login, SessionOut
from app.auth.sessions import SessionKey
from app.errors import AppError
from app.transport.access import AccessRoute
from app.transport.request import ApiRequest
from app.transport.responses import error_responses, success
from app.transport.versioning import public_path


async def from_own_page(request: ApiRequest) -> None:
    """Refuse the pages of others where there is no session yet, and so no token to ask for.

    Else they could log somebody in to an account that is not theirs.
    """
    if request.method not in SAFE_METHODS:
        request.service.auth.csrf.check_origin(request.headers)


router = APIRouter(tags=["auth"], route_class=AccessRoute)
public_router = APIRouter(route_class=AccessRoute)
router.include_router(
    accounts_api.router,
    dependencies=[Depends(from_own_page)],
    responses={403: error_responses(403, public=True)[403]},
)

_TEXT = {"type": "string", "maxLength": 256}
_SET_COOKIE = {"Set-Cookie": {"description": "The id of the session", "schema": _TEXT}}
_REMOVED_COOKIE = {"Set-Cookie": {"description": "Takes the id away", "schema": _TEXT}}
_LOCATION = {"Location": {"description": "The session", "schema": _TEXT}}
_NEW_TOKEN = {"X-CSRF-Token": {"description": "The token from now on", "schema": _TEXT}}


@router.post(
    "/sessions",
    operation_id="logIn",
    status_code=201,
    dependencies=[Depends(from_own_page)],
    responses={
        201: success("The session", **_SET_COOKIE, **_LOCATION),
        **error_responses(401, 403, 409, 413, 415, 422, public=True),
    },
)
@public
async def log_in(body: Login, request: ApiRequest, response: Response) -> SessionOut:
    """Log in by address and password.

    The session gets an id that nobody knew before, and the one that the request came with ends.
    """
    auth = request.service.auth
    session, key = await auth.log_in(body.email, body.password, _sent_key(request))
    auth.cookie.write(response, key)
    response.headers["Location"] = public_path(f"{request.url.path}/current")
    return SessionOut.of(session, key)


@router.get(
    "/sessions/current",
    operation_id="getSession",
    responses={200: success("The session"), **error_responses()},
)
@authenticated
async def current(request: ApiRequest) -> SessionOut:
    """Read the session of the cookie: a page that is loaded anew asks for the CSRF token here."""
    auth = request.service.auth
    key = _sent_key(request)
    assert key is not None
    return SessionOut.of(await auth.session(request.principal), key)


@router.delete(
    "/sessions/current",
    operation_id="logOut",
    status_code=204,
    responses={204: success("The session has ended", **_REMOVED_COOKIE), **error_responses()},
)
@authenticated
async def log_out(request: ApiRequest, response: Response) -> None:
    """Log out: end the session."""
    await request.service.auth.log_out(request.principal)
    request.service.auth.cookie.remove(response)


@router.delete(
    "/sessions",
    operation_id="logOutEverywhere",
    status_code=204,
    responses={204: success("No session is left", **_REMOVED_COOKIE), **error_responses()},
)
@authenticated
async def log_out_everywhere(request: ApiRequest, response: Response) -> None:
    """Log out everywhere: end every session of the account, this one too."""
    await request.service.auth.log_out_everywhere(request.principal)
    request.service.auth.cookie.remove(response)


@router.put(
    "/users/me/password",
    operation_id="changePassword",
    status_code=204,
    responses={
        204: success("The password is changed", **_SET_COOKIE, **_NEW_TOKEN),
        **error_responses(409, 413, 415, 422),
    },
)
@authenticated
async def change_password(body: PasswordChange, request: ApiRequest, response: Response) -> None:
    """Change the password: the account's other sessions end, and this one gets a new id."""
    auth = request.service.auth
    key = await auth.change_password(request.principal, body.current_password, body.new_password)
    auth.cookie.write(response, key)
    response.headers["X-CSRF-Token"] = key.csrf_token


def _sent_key(request: ApiRequest) -> SessionKey | None:
    """The key in the cookie, be it of a session or not."""
    try:
        return request.service.auth.cookie.read(AuthRequest(request.method, request.headers))
    except AppError:
        return None
