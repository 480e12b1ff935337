"""Which media type answers (GraphQL-over-HTTP section 6.1)."""

from functools import lru_cache

from app.errors import AppError, ErrorCode

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


@lru_cache(maxsize=256)
def response_type(accept: str) -> str:
    """`GRAPHQL` where it is wanted by name and at least as much as `JSON`, which else answers.

    Raises `AppError(NOT_ACCEPTABLE)` where neither is wanted.
    """
    wanted: dict[str, float] = {}
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if media:
            wanted[media] = max(wanted.get(media, 0.0), _quality(parameters))
    if not wanted:
        return JSON
    anything = wanted.get("application/*", wanted.get("*/*", 0.0))
    graphql, json = wanted.get(GRAPHQL, 0.0), wanted.get(JSON, anything)
    if not graphql and not json:
        raise AppError(ErrorCode.NOT_ACCEPTABLE)
    return GRAPHQL if graphql and graphql >= json else JSON


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
