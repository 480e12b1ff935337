"""What the routes of an application say of a request, for Starlette and FastAPI alike."""

from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import Scope

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class NamedRoute(Route):
    """A route that says in the scope that it was matched, also to FastAPI's router."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "route": self} if found else found


def route_template(scope: Scope) -> str:
    """The path of the matched route with the names of its parameters; empty for no route.

    FastAPI keeps the route as included, with its prefixes, apart from the route as declared.
    """
    included = scope.get("fastapi", {}).get("effective_route_context")
    template: str = getattr(included or scope.get("route"), "path_format", "")
    return template


def allowed_methods(request: Request) -> list[str]:
    """The methods of the request's path, found by asking the routes for each."""
    scope = {name: request.scope[name] for name in ("type", "path", "root_path", "headers")}
    found = {
        method
        for method in _METHODS
        for route in request.app.routes
        if route.matches({**scope, "method": method})[0] is Match.FULL
    }
    if "GET" in found:
        found.add("HEAD")
    return sorted({*found, "OPTIONS"})
