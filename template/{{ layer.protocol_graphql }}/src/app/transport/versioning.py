"""Paths of the endpoints beside GraphQL, which have one version."""

from typing import Any


def public_path(internal: str) -> str:
    """The path as clients write it, from the path as it is routed."""
    return internal


def describe_version(operation: dict[str, Any]) -> None:
    """Add what the OpenAPI document says of versions to an operation: its path says it all."""
