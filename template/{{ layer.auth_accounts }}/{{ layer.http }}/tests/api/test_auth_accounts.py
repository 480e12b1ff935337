"""Registration, login and passwords as a client sees them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.support.accounts import PASSWORD, attempt, credentials, headers_of, new_email, register
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service

REGISTER, ME = path("/auth/register"), path("/users/me")
OTHER_PASSWORD = "violet-teapot-4821"


def anonymised(response: httpx2.Response) -> tuple[int, Any, set[str]]:
    """What a client can tell two answers apart by, but for ids and times."""
    body = response.json()
    body.get("error", {}).pop("request_id", None)
    return response.status_code, body, set(response.headers)


def test_who_registers_can_log_in_and_is_a_member(anonymous: httpx2.Client) -> None:
    email = new_email()
    registered = anonymous.post(REGISTER, json={"email": email, "password": PASSWORD})
    assert (registered.status_code, registered.json()) == (202, {"status": "accepted"})
    login = attempt(anonymous, email)
    assert login.is_success
    assert login.headers["Cache-Control"] == "no-store"
    account = anonymous.get(ME, headers=headers_of(login)).json()
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
    assert attempt(anonymous, known, OTHER_PASSWORD).status_code == 401
    assert attempt(anonymous, known).is_success


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
        (known + "\x7f", PASSWORD),
        ("🦊@example.com", "x"),
    ]
    answers = [attempt(anonymous, email, password) for email, password in attempts]
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
            attempt(client, email, OTHER_PASSWORD)

        def sign_up(email: str) -> None:
            client.post(REGISTER, json={"email": email, "password": OTHER_PASSWORD})

        def seconds(operation: Callable[[str], None], email: str) -> float:
            start = time.perf_counter()
            operation(email)
            return time.perf_counter() - start

        for operation in (come_back, sign_up):
            pairs = [
                (seconds(operation, known), seconds(operation, new_email())) for _ in range(11)
            ]
            # Whatever else the machine does adds to the others of each.
            fastest_known, fastest_unknown = (min(times) for times in zip(*pairs, strict=True))
            assert fastest_known / fastest_unknown == pytest.approx(1, abs=0.35)


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

    def register_with(password: str) -> int:
        return anonymous.post(REGISTER, json={"email": email, "password": password}).status_code

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(register_with, passwords)) == {202}
    logins = [attempt(anonymous, email, password).is_success for password in passwords[:2]]
    assert sorted(logins) == [False, True]


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
    assert attempt(anonymous, email, password).is_success
    assert attempt(anonymous, email, password[:-1] + "x").status_code == 401


def test_a_new_password_ends_the_other_sessions(service: Service, anonymous: httpx2.Client) -> None:
    email = new_email()
    register(service, email)
    this, other = credentials(service, email), credentials(service, email)
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    changed = anonymous.put(f"{ME}/password", json=body, headers=this)
    assert (changed.status_code, changed.content) == (204, b"")
    assert anonymous.get(ME, headers=other).status_code == 401
    assert attempt(anonymous, email).status_code == 401
    assert attempt(anonymous, email, OTHER_PASSWORD).is_success


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
    attempt(anonymous, email, OTHER_PASSWORD)
    headers = credentials(service, email)
    user_id = anonymous.get(ME, headers=headers).json()["id"]
    anonymous.put(
        f"{ME}/password",
        json={"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
        headers=headers,
    )
    events = admin.get(path("/audit-events"), params={"object": f"user/{user_id}"}).json()["data"]
    assert [(event["action"], event["outcome"]) for event in reversed(events)] == [
        ("user.register", "success"),
        ("auth.login", "failure"),
        ("auth.login", "success"),
        ("user.change_password", "success"),
    ]
    assert events[0]["actor"] == user_id


def test_what_happens_is_counted(service: Service, anonymous: httpx2.Client) -> None:
    email = new_email()
    register(service, email)
    attempt(anonymous, email, OTHER_PASSWORD)
    anonymous.get(ME, headers={"Authorization": "Bearer x"})
    metrics = anonymous.get("/metrics").text
    for event, outcome in [
        ("register", "success"),
        ("login", "failure"),
        ("authenticate", "unauthenticated"),
    ]:
        assert f'auth_events_total{{event="{event}",outcome="{outcome}"}}' in metrics


def test_login_has_a_strict_limit_of_its_own(start_service: Callable[..., Service]) -> None:
    strict = start_service(
        RATE_LIMIT_LOGIN_ACCOUNT="2/hour", CACHE_KEY_PREFIX=f"test-login-{uuid4().hex}:"
    )
    email = new_email()
    register(strict, email)
    attempts = [(email, "wrong"), (email.upper(), "wrong"), (email, PASSWORD)]
    with strict.client(headers=VERSION_HEADERS) as client:
        answers = [attempt(client, name, password) for name, password in attempts]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[2].headers["Retry-After"]) == pytest.approx(1800, abs=10)
    assert answers[2].headers["X-RateLimit-Limit"] == "2"


def test_registration_is_limited_by_address_as_logins_are(
    start_service: Callable[..., Service],
) -> None:
    strict = start_service(
        RATE_LIMIT_LOGIN_ADDRESS="3/hour", CACHE_KEY_PREFIX=f"test-{uuid4().hex}:"
    )
    known = new_email()
    with strict.client(headers=VERSION_HEADERS) as client:

        def registered(email: str, password: str = PASSWORD) -> httpx2.Response:
            return client.post(REGISTER, json={"email": email, "password": password})

        # What is refused before anything is hashed costs nothing.
        assert registered(known, "short").status_code == 422
        assert [registered(known).status_code for _ in range(3)] == [202, 202, 202]
        refused, unknown = registered(known), registered(new_email())
        login = attempt(client, known)
    assert refused.status_code == login.status_code == 429
    assert anonymised(refused) == anonymised(unknown)
    assert int(refused.headers["Retry-After"]) == pytest.approx(1200, abs=10)
