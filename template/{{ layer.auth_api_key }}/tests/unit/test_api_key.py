"""The form of keys, and what is kept of them."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.auth.api_key import FORM, NAME_PATTERN, ApiKey, Client, KeyText
from app.auth.principal import Permission, Role
from app.auth.settings import AuthSettings
from app.platform.configuration import ConfigurationError

ID = UUID("0198c2a4-7c1e-7d3b-9f60-2f1a5c7e9b11")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def key(**changes: object) -> ApiKey:
    values = {
        "id": ID,
        "client": Client(uuid4(), "billing", NOW),
        "role": Role.MEMBER,
        "scopes": None,
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    }
    return ApiKey(**{**values, **changes})  # type: ignore[arg-type]


def test_a_key_reads_prefix_id_and_secret() -> None:
    text = KeyText.new(ID, "orders").text
    prefix, key_id, secret = text.split("_")
    assert (prefix, key_id) == ("orders", ID.hex)
    assert re.fullmatch("[0-9A-Za-z]{43}[0-9a-f]{8}", secret)
    assert FORM.search(f'key = "{text}"')


def test_what_was_written_is_read_whatever_its_prefix() -> None:
    for prefix in ("orders", "o", "o123456789012345"):
        made = KeyText.new(uuid4(), prefix)
        assert KeyText.parse(made.text) == made


def test_no_two_secrets_are_alike() -> None:
    texts = {KeyText.new(ID, "orders").text for _ in range(100)}
    assert len({text[:-8] for text in texts}) == 100
    assert len({KeyText(ID, text).hash() for text in texts}) == 100


@pytest.mark.parametrize("place", range(0, 91, 7))
def test_a_mistyped_key_is_no_key(place: int) -> None:
    text = KeyText.new(ID, "orders").text
    for other in {"a", "b"} - {text[place]}:
        assert KeyText.parse(text[:place] + other + text[place + 1 :]) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: f" {text}",
        lambda text: f"{text}\n",
        lambda text: text.upper(),
        lambda text: text.replace("_", "-"),
        lambda text: text.partition("_")[2],
        lambda text: text.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"),
    ],
)
def test_what_looks_otherwise_is_no_key(change: object) -> None:
    assert callable(change)
    assert KeyText.parse(change(KeyText.new(ID, "orders").text)) is None


def test_the_hash_does_not_give_the_key_away() -> None:
    made = KeyText.new(ID, "orders")
    assert len(made.hash()) == 32
    assert made.text.encode() not in made.hash()
    assert made.hash() == KeyText(ID, made.text).hash()


@pytest.mark.parametrize(
    ("changes", "after", "ended"),
    [
        ({}, timedelta(hours=23), False),
        ({}, timedelta(days=1), True),
        ({"revoked_at": NOW}, timedelta(0), True),
    ],
)
def test_a_key_ends(changes: dict[str, object], after: timedelta, ended: bool) -> None:
    assert key(**changes).ended(NOW + after) is ended


def test_scopes_narrow_the_role_and_never_widen_it() -> None:
    wanted = frozenset({Permission.ORDERS_READ, Permission.KEYS_MANAGE})
    assert key(scopes=wanted).permissions == {Permission.ORDERS_READ}
    assert key().principal.scopes is None
    assert Permission.KEYS_MANAGE in key(role=Role.ADMIN).permissions


def test_the_subject_is_the_client_whichever_key_it_uses() -> None:
    client = Client(uuid4(), "billing", NOW)
    one, other = (key(id=uuid4(), client=client).principal for _ in range(2))
    assert one.subject == other.subject == str(client.id)
    assert one.session_id != other.session_id
    assert one.kind == "machine"


@pytest.mark.parametrize("name", ["billing", "a", "0", "eu.billing-2_test", "x" * 64])
def test_names_of_clients_are_plain(name: str) -> None:
    assert re.fullmatch(NAME_PATTERN, name)


@pytest.mark.parametrize("name", ["", "Billing", "-a", "a-", "a b", "a\n", "é", "x" * 65])
def test_other_names_are_none(name: str) -> None:
    assert not re.fullmatch(NAME_PATTERN, name)


def test_the_usual_lifetime_is_within_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY_MAX_LIFETIME_SECONDS", "3600")
    with pytest.raises(ConfigurationError) as refused:
        AuthSettings.load()
    assert [fault.partition(":")[0] for fault in refused.value.faults] == [
        "API_KEY_LIFETIME_SECONDS"
    ]


@pytest.mark.parametrize("prefix", ["Orders", "1orders", "orders_live", "x" * 17])
def test_a_prefix_that_would_break_the_form_is_refused(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("API_KEY_PREFIX", prefix)
    with pytest.raises(ConfigurationError):
        AuthSettings.load()
