"""For Schemathesis, which would log itself out."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], **_: object
) -> None:
    """Log in without a session, as the one that a login comes with ends."""
    if case.operation.definition.raw["operationId"] == "logIn":
        case.headers.pop("Cookie", None)
