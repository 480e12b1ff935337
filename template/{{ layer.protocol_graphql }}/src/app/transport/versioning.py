"""Paths of the endpoints beside GraphQL, which have one version."""


def public_path(internal: str) -> str:
    """The path as clients write it, from the path as it is routed."""
    return internal
