"""`docs/errors.md`, made from the error catalogue."""

from app.errors import ErrorCode
from dev.api import ERRORS
from dev.environment import PROJECT

FILE = PROJECT / "docs" / "errors.md"
INTRODUCTION = """\
`code` is stable: decide by it, never by `message`. `details` names all faults of the input at once.
`retryable` says whether the same request may succeed later. Quote `request_id` when you report one.

<!-- Made from src/app/errors.py by `uv run python -m dev errors`. -->

| code | HTTP | gRPC | retryable | meaning | what to do |
| --- | --- | --- | --- | --- | --- |
"""


def text() -> str:
    """The document as the catalogue is now."""
    rows = []
    for code in ErrorCode:
        kind = code.value
        cells = (
            code.name,
            str(kind.http_status or "none"),
            kind.grpc_status or "none",
            "yes" if kind.retryable else "no",
            kind.message,
            kind.remedy,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return f"# Errors\n\n{ERRORS}\n{INTRODUCTION}" + "\n".join(rows) + "\n"


def rewrite() -> None:
    """Write the document."""
    FILE.write_text(text(), encoding="utf-8")
