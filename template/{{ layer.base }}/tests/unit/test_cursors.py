"""Cursors are opaque, and worth something only where they came from."""

import secrets
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from app.errors import AppError, ErrorCode
from app.platform.ids import new_uuid
from app.platform.pagination import Cursors, PaginationSettings, Position

KEY = SecretStr("k" * 32)
CURSORS = Cursors(PaginationSettings(cursor_signing_key=KEY))
PLACE = Position(datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC), new_uuid())
SCOPE = "orders:somebody:None:-created_at"


def test_a_cursor_leads_back_to_its_position() -> None:
    cursor = CURSORS.encode(PLACE, SCOPE)
    assert CURSORS.decode(cursor, SCOPE) == PLACE
    assert Cursors(PaginationSettings(cursor_signing_key=KEY)).decode(cursor, SCOPE) == PLACE
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_cursor_is_for_its_own_list_and_key() -> None:
    cursor = CURSORS.encode(PLACE, SCOPE)
    other_key = Cursors(PaginationSettings(cursor_signing_key=SecretStr("x" * 32)))
    for cursors, scope in ((CURSORS, "orders:another"), (other_key, SCOPE)):
        with pytest.raises(AppError) as caught:
            cursors.decode(cursor, scope)
        assert caught.value.code is ErrorCode.INVALID_CURSOR


def test_a_cursor_with_any_character_changed_is_refused() -> None:
    cursor = CURSORS.encode(PLACE, SCOPE)
    for index, character in enumerate(cursor):
        changed = cursor[:index] + ("B" if character == "A" else "A") + cursor[index + 1 :]
        with pytest.raises(AppError):
            CURSORS.decode(changed, SCOPE)


@pytest.mark.parametrize(
    "cursor",
    ["", "A", "=", "=" * 9, "é", "\x00", "\ud800", "A" * 10_000, "..", "W10", "AAAA=", " AAAA"],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(AppError) as caught:
        CURSORS.decode(cursor, SCOPE)
    assert caught.value.code is ErrorCode.INVALID_CURSOR


def test_a_cursor_with_something_added_is_refused() -> None:
    cursor = CURSORS.encode(PLACE, SCOPE)
    for changed in (f"{cursor}=", f"{cursor}\n", f" {cursor}", f"{cursor}!", f"{cursor}AAAA"):
        with pytest.raises(AppError):
            CURSORS.decode(changed, SCOPE)


def test_production_wants_a_key_that_others_cannot_guess() -> None:
    random = SecretStr(secrets.token_hex(16))
    assert list(PaginationSettings(cursor_signing_key=random).production_faults()) == []
    for weak in (None, SecretStr(secrets.token_hex(15)), KEY):
        [fault] = PaginationSettings(cursor_signing_key=weak).production_faults()
        assert fault.startswith("CURSOR_SIGNING_KEY: ")
