"""Where a client finds the current version of the API."""

VERSION_HEADERS: dict[str, str] = {}


def path(resource: str) -> str:
    """The path of a resource such as `/orders`."""
    return f"/v1{resource}"
