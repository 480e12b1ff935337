"""Who may call a method, decided before its message is read."""

from collections.abc import Callable
from typing import Any, TypeVar

from app.auth.principal import Permission

PUBLIC = "public"
AUTHENTICATED = "authenticated"

_Method = TypeVar("_Method", bound=Callable[..., Any])
_access: dict[Callable[..., Any], str] = {}


def public(method: _Method) -> _Method:
    """Anybody may call the method."""
    _access[method] = PUBLIC
    return method


def authenticated(method: _Method) -> _Method:
    """Any principal may call the method."""
    _access[method] = AUTHENTICATED
    return method


def requires(permission: Permission) -> Callable[[_Method], _Method]:
    """Only a principal with the permission may call the method.

    The service decides again, with ownership; this refusal comes first so that a caller without
    the permission learns nothing from the validation of the message.
    """

    def mark(method: _Method) -> _Method:
        _access[method] = permission
        return method

    return mark


def access_to(method: Callable[..., Any]) -> str:
    """`PUBLIC`, `AUTHENTICATED` or a permission; an undecided method is a `LookupError`."""
    function = getattr(method, "__func__", method)
    if function not in _access:
        raise LookupError(f"{function.__qualname__}: add @public, @authenticated or @requires(…)")
    return _access[function]
