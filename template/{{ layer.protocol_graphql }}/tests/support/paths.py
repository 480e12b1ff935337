"""Where a client finds what stays HTTP beside GraphQL."""

VERSION_HEADERS: dict[str, str] = {}


def path(resource: str) -> str:
    """The path of a resource such as `/users/me`."""
    return f"/v1{resource}"
