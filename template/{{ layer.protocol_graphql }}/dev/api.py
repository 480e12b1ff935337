"""The contract of the API: the GraphQL schema, and which changes to it break clients."""

from graphql import build_schema, find_breaking_changes

CONTRACT = "schema.graphql"
EXPORT = ("schema",)
PORTS = {"PORT": 8000}
WELCOME = (
    "Serving on http://127.0.0.1:{port}/graphql, to be explored at http://127.0.0.1:{port}/docs."
)
ERRORS = """\
Errors of operations are entries of `errors`, and so are those that keep one from being executed:

```json
{"message": "Request validation failed", "path": ["createOrder"],
 "extensions": {"code": "VALIDATION_ERROR",
                "details": [{"field": "lines[0].quantity", "issue": "must be greater than 0"}],
                "request_id": "01JD2Z0A6T8Y", "retryable": false}}
```

Elsewhere than at `/graphql`, an error is `{"error": {…}}` with the same members and the message.
The header `Retry-After` says how long to wait.
"""


def breaks(released: str, current: str) -> list[str]:
    """One line for each way in which a client of the released contract would fail now."""
    changes = find_breaking_changes(build_schema(released), build_schema(current))
    return [change.description for change in changes]
