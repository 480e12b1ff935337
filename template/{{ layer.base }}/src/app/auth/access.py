"""Who may call an endpoint or a method, decided before what it is sent is read."""

from collections.abc import Callable
from typing import Any, TypeVar

from app.auth.principal import Permission

PUBLIC = "public"
AUTHENTICATED = "authenticated"

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_access: dict[Callable[..., Any], str] = {}


def public(endpoint: _Endpoint) -> _Endpoint:
    """Anybody may call the endpoint."""
    _access[endpoint] = PUBLIC
    return endpoint


def authenticated(endpoint: _Endpoint) -> _Endpoint:
    """Any principal may call the endpoint."""
    _access[endpoint] = AUTHENTICATED
    return endpoint


def requires(permission: Permission) -> Callable[[_Endpoint], _Endpoint]:
    """Only a principal with the permission may call the endpoint.

    The service decides again, with ownership; this refusal comes first so that a caller without
    the permission learns nothing from the validation of what it sends.
    """

    def mark(endpoint: _Endpoint) -> _Endpoint:
        _access[endpoint] = permission
        return endpoint

    return mark


def access_to(endpoint: Callable[..., Any]) -> str:
    """`PUBLIC`, `AUTHENTICATED` or a permission; an undecided endpoint is a `LookupError`."""
    function = getattr(endpoint, "__func__", endpoint)
    if function not in _access:
        raise LookupError(f"{function.__qualname__}: add @public, @authenticated or @requires(…)")
    return _access[function]
