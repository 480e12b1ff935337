"""What clients read about errors is what the code does."""

from http import HTTPStatus

from app.errors import ErrorCode
from dev import error_catalogue


def test_the_document_agrees_with_the_catalogue() -> None:
    written = error_catalogue.FILE.read_text(encoding="utf-8")
    assert written == error_catalogue.text(), "run `uv run python -m dev errors`"


def test_every_error_has_a_status_that_exists_and_says_what_to_do() -> None:
    for code in ErrorCode:
        assert HTTPStatus(code.value.http_status) >= HTTPStatus.BAD_REQUEST
        assert code.value.remedy.endswith(".")


def test_what_is_said_of_credentials_fits_tokens_keys_and_sessions() -> None:
    for code in (ErrorCode.UNAUTHENTICATED, ErrorCode.TOKEN_EXPIRED, ErrorCode.FORBIDDEN):
        told = f"{code.value.message} {code.value.remedy}".lower()
        assert "credentials" in told
        assert not any(word in told for word in ("token", "key", "session"))
