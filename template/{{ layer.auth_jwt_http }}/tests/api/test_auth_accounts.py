"""Registration, login and passwords as a client sees them."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.support.accounts import PASSWORD, log_in, new_email, register
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service

REGISTER, TOKEN, ME = path("/auth/register"), path("/auth/token"), path("/users/me")
OTHER_PASSWORD = "violet-teapot-4821"


def anonymised(response: httpx2.Response) -> tuple[int, Any, set[str]]:
    """What a client can tell two answers apart by, but for ids and times."""
    body = response.json()
    body.get("error", {}).pop("request_id", None)
    return response.status_code, body, set(response.headers)


def login(client: httpx2.Client, email: str, password: str = PASSWORD) -> httpx2.Response:
    form = {"grant_type": "password", "username": email, "password": password}
    return client.post(TOKEN, data=form)


def me(client: httpx2.Client, tokens: dict[str, str]) -> httpx2.Response:
    return client.get(ME, headers={"Authorization": f"Bearer {tokens['access_token']}"})


def test_who_registers_can_log_in_and_is_a_member(anonymous: httpx2.Client) -> None:
    email = new_email()
    registered = anonymous.post(REGISTER, json={"email": email, "password": PASSWORD})
    assert (registered.status_code, registered.json()) == (202, {"status": "accepted"})
    answer = login(anonymous, email)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert tokens["scope"] == "orders:read orders:write"
    account = me(anonymous, tokens).json()
    assert account.pop("created_at").endswith("Z")
    assert len(account.pop("id")) == 36
    assert account == {
        "email": email,
        "roles": ["member"],
        "permissions": ["orders:read", "orders:write"],
    }


def test_a_known_address_answers_alike_and_keeps_its_password(anonymous: httpx2.Client) -> None:
    known = new_email()
    bodies = [
        {"email": known, "password": PASSWORD},
        {"email": known, "password": OTHER_PASSWORD},
        {"email": f"  {known.upper()} ", "password": OTHER_PASSWORD},
    ]
    answers = [anonymised(anonymous.post(REGISTER, json=body)) for body in bodies]
    assert answers[0] == answers[1] == answers[2]
    assert login(anonymous, known, OTHER_PASSWORD).status_code == 401
    assert login(anonymous, known).status_code == 200


def test_an_unknown_account_a_wrong_password_and_nonsense_answer_alike(
    anonymous: httpx2.Client, service: Service
) -> None:
    known = new_email()
    register(service, known)
    attempts = [
        (known, OTHER_PASSWORD),
        (new_email(), OTHER_PASSWORD),
        (new_email(), PASSWORD),
        ("not an address", PASSWORD),
        (known + "\0", PASSWORD),
        ("🦊@example.com", "x"),
    ]
    answers = [login(anonymous, email, password) for email, password in attempts]
    assert {answer.status_code for answer in answers} == {401}
    for answer in answers:
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert anonymised(answer) == anonymised(answers[0])


def test_the_time_of_an_answer_does_not_tell_who_has_an_account(
    start_service: Callable[..., Service],
) -> None:
    # As in production, where it is most of the time.
    service = start_service(PASSWORD_HASH_MEMORY_KIB="19456", PASSWORD_HASH_TIME_COST="2")
    known = new_email()
    register(service, known)
    with service.client(headers=VERSION_HEADERS) as client:

        def come_back(email: str) -> None:
            login(client, email, OTHER_PASSWORD)

        def sign_up(email: str) -> None:
            client.post(REGISTER, json={"email": email, "password": OTHER_PASSWORD})

        def seconds(operation: Callable[[str], None], email: str) -> float:
            start = time.perf_counter()
            operation(email)
            return time.perf_counter() - start

        for operation in (come_back, sign_up):
            ratios = [
                seconds(operation, known) / seconds(operation, new_email()) for _ in range(11)
            ]
            assert statistics.median(ratios) == pytest.approx(1, abs=0.35)


def test_a_registration_that_is_sent_again_is_replayed(anonymous: httpx2.Client) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"email": new_email(), "password": PASSWORD}
    first, again = (anonymous.post(REGISTER, json=body, headers=key) for _ in range(2))
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    other = anonymous.post(REGISTER, json={**body, "password": OTHER_PASSWORD}, headers=key)
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_keys_of_anonymous_callers_are_apart(narrow_service: Service) -> None:
    """The service believes the address that its client, a trusted proxy, names."""
    key = str(uuid4())
    with narrow_service.client(headers=VERSION_HEADERS) as client:
        for address in ("203.0.113.1", "203.0.113.2"):
            headers = {"Idempotency-Key": key, "X-Forwarded-For": address}
            body = {"email": new_email(), "password": PASSWORD}
            answer = client.post(REGISTER, json=body, headers=headers)
            assert answer.status_code == 202
            assert "Idempotency-Replayed" not in answer.headers


def test_of_two_registrations_at_once_one_counts(anonymous: httpx2.Client) -> None:
    email, passwords = new_email(), [PASSWORD, OTHER_PASSWORD] * 3

    def attempt(password: str) -> int:
        return anonymous.post(REGISTER, json={"email": email, "password": password}).status_code

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(attempt, passwords)) == {202}
    logins = [login(anonymous, email, password).status_code for password in passwords[:2]]
    assert sorted(logins) == [200, 401]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"email": "ada@example.com", "password": "short"}, {"password"}),
        ({"email": "ada@example.com", "password": "password1234"}, {"password"}),
        ({"email": "ada@example.com", "password": "Qwertyuiop12"}, {"password"}),
        ({"email": "ada@example.com", "password": "x7-" * 43}, {"password"}),
        ({"email": "ada.lovelace@example.com", "password": "ada.lovelace1"}, {"password"}),
        ({"email": "ada", "password": PASSWORD}, {"email"}),
        ({"email": "ada@localhost", "password": PASSWORD}, {"email"}),
        ({"email": "a b@example.com", "password": PASSWORD}, {"email"}),
        ({"email": "ада@example.com", "password": PASSWORD}, {"email"}),
        ({"email": "ada@example.com\r\nBcc: x@y.z", "password": PASSWORD}, {"email"}),
        ({"email": f"{'a' * 250}@example.com", "password": PASSWORD}, {"email"}),
        ({"email": "ada", "password": "short"}, {"email", "password"}),
        ({"email": 1, "password": None}, {"email", "password"}),
        ({"email": "ada@example.com", "password": PASSWORD, "role": "admin"}, {"role"}),
        ({}, {"email", "password"}),
    ],
)
def test_every_fault_of_a_registration_is_named(
    anonymous: httpx2.Client, body: dict[str, Any], fields: set[str]
) -> None:
    response = anonymous.post(REGISTER, json=body)
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert {detail["field"] for detail in error["details"]} == fields
    assert not body.get("password") or body["password"] not in response.text


@pytest.mark.parametrize(
    "password",
    [
        "пароль из слов",
        "長い長い長いパスワードです。",
        "🦊🐙🌵🚲🎻🍋🧭🪁🐢🌊🎲🔭",
        "tab\tand  spaces ",
        "wombat é " * 14 + "47",
    ],
)
def test_any_character_may_be_in_a_password(
    anonymous: httpx2.Client, service: Service, password: str
) -> None:
    email = new_email()
    register(service, email, password)
    assert login(anonymous, email, password).status_code == 200
    assert login(anonymous, email, password[:-1] + "x").status_code == 401


def test_a_new_password_ends_the_other_sessions(service: Service, anonymous: httpx2.Client) -> None:
    email = new_email()
    register(service, email)
    this, other = log_in(service, email), log_in(service, email)
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    bearer = {"Authorization": f"Bearer {this['access_token']}"}
    changed = anonymous.put(f"{ME}/password", json=body, headers=bearer)
    assert (changed.status_code, changed.content) == (204, b"")
    assert me(anonymous, this).status_code == 200
    assert me(anonymous, other).status_code == 401
    refresh = path("/auth/refresh")
    for tokens, status in ((other, 401), (this, 200)):
        answer = anonymous.post(refresh, json={"refresh_token": tokens["refresh_token"]})
        assert answer.status_code == status
    assert login(anonymous, email).status_code == 401
    assert login(anonymous, email, OTHER_PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        (OTHER_PASSWORD, "plum otter cabin 47", "current_password"),
        (PASSWORD, "password1234", "new_password"),
        (PASSWORD, "short", "new_password"),
    ],
)
def test_a_password_change_needs_the_current_one_and_a_good_one(
    member: httpx2.Client, current: str, new: str, field: str
) -> None:
    body = {"current_password": current, "new_password": new}
    response = member.put(f"{ME}/password", json=body)
    assert response.status_code == 422
    assert [detail["field"] for detail in response.json()["error"]["details"]] == [field]
    assert member.get(ME).status_code == 200


def test_sensitive_acts_are_audited(
    service: Service, anonymous: httpx2.Client, admin: httpx2.Client
) -> None:
    email = new_email()
    register(service, email)
    login(anonymous, email, OTHER_PASSWORD)
    tokens = log_in(service, email)
    user_id = me(anonymous, tokens).json()["id"]
    used = tokens["refresh_token"]
    tokens = anonymous.post(path("/auth/refresh"), json={"refresh_token": used}).json()
    anonymous.put(
        f"{ME}/password",
        json={"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
    )
    anonymous.post(path("/auth/refresh"), json={"refresh_token": used})
    events = admin.get(path("/audit-events"), params={"object": f"user/{user_id}"}).json()["data"]
    assert [(event["action"], event["outcome"]) for event in reversed(events)] == [
        ("user.register", "success"),
        ("auth.login", "failure"),
        ("auth.login", "success"),
        ("auth.refresh", "success"),
        ("user.change_password", "success"),
        ("auth.refresh_token_reused", "failure"),
    ]
    assert events[0]["actor"] == user_id


def test_what_happens_is_counted(service: Service, anonymous: httpx2.Client) -> None:
    email = new_email()
    register(service, email)
    login(anonymous, email, OTHER_PASSWORD)
    anonymous.get(ME, headers={"Authorization": "Bearer x"})
    metrics = anonymous.get("/metrics").text
    for event, outcome in [
        ("register", "success"),
        ("login", "failure"),
        ("authenticate", "unauthenticated"),
    ]:
        assert f'auth_events_total{{event="{event}",outcome="{outcome}"}}' in metrics


def test_no_secret_reaches_the_log(service: Service, anonymous: httpx2.Client) -> None:
    email = new_email()
    register(service, email)
    login(anonymous, email, OTHER_PASSWORD)
    tokens = log_in(service, email)
    me(anonymous, tokens)
    anonymous.get(ME, params={"access_token": tokens["access_token"]})
    anonymous.post(path("/auth/refresh"), json={"refresh_token": tokens["refresh_token"]})
    output = service.output()
    for secret in (PASSWORD, OTHER_PASSWORD, tokens["access_token"], tokens["refresh_token"]):
        assert secret not in output
