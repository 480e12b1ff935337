"""The endpoints beside GraphQL have one version, with which their paths begin."""

PREFIX = "/v1"


def public_path(internal: str) -> str:
    """The path as clients write it, from the path as it is routed."""
    return internal
