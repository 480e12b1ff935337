"""The version of the endpoints beside GraphQL."""

CURRENT = "v1"
