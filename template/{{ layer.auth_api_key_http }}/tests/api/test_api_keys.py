"""Keys over HTTP: how they are presented, managed and refused."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from app.auth.api_key import KeyText
from tests.support.keys import command, id_of, new_client, new_key
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service

KEYS, CURRENT = path("/api-keys"), path("/api-keys/current")
KEYS_MANAGE = "keys:manage"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def create(admin: httpx2.Client, **changes: Any) -> Any:
    body = {"client": new_client(), "role": "member", **changes}
    response = admin.post(KEYS, json=body)
    assert response.status_code == 201, response.text
    return response.json()


@pytest.fixture(scope="module")
def key(service: Service) -> str:
    return new_key(service, new_client())


def test_a_key_is_sent_in_either_header(anonymous: httpx2.Client, key: str) -> None:
    for headers in (
        bearer(key),
        {"Authorization": f"bEARER  {key}"},
        {"X-API-Key": key},
        {**bearer(key), "X-API-Key": key},
    ):
        response = anonymous.get(CURRENT, headers=headers)
        assert response.status_code == 200, headers
        assert response.json()["id"] == str(id_of(key))
        assert key not in response.text


def test_two_different_keys_are_refused(
    service: Service, anonymous: httpx2.Client, key: str
) -> None:
    for other in (new_key(service, new_client()), "nonsense", ""):
        response = anonymous.get(CURRENT, headers={**bearer(key), "X-API-Key": other})
        assert response.status_code == 401, other
    twice = [("X-API-Key", key), ("X-API-Key", key)]
    response = anonymous.get(CURRENT, headers=httpx2.Headers(twice))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "MALFORMED_REQUEST")


def test_a_key_in_the_query_string_is_refused(anonymous: httpx2.Client, key: str) -> None:
    for name in ("access_token", "api_key", "x"):
        for headers in ({}, bearer(key)):
            response = anonymous.get(CURRENT, params={name: key}, headers=headers)
            assert response.status_code == 401
            assert key not in response.text


def test_a_key_in_the_query_string_is_refused_however_it_is_written(
    anonymous: httpx2.Client, key: str
) -> None:
    for query in (f"x={key.replace('_', '%5F')}", f"x=%{ord(key[0]):x}{key[1:]}"):
        response = anonymous.get(f"{CURRENT}?{query}", headers=bearer(key))
        assert response.request.url.query.decode() == query
        assert response.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": ""},
        {"X-API-Key": ""},
        {"X-API-Key": "nonsense"},
        {"X-API-Key": "\xff"},
    ],
)
def test_a_bad_key_is_refused(anonymous: httpx2.Client, headers: dict[str, str]) -> None:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    response = anonymous.get(CURRENT, headers=encoded)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response.json()["error"]["code"] == "UNAUTHENTICATED"


def test_unknown_wrong_and_revoked_keys_are_refused_alike(
    service: Service, anonymous: httpx2.Client, key: str
) -> None:
    revoked = new_key(service, new_client())
    command(service, "revoke", str(id_of(revoked)))
    unknown, wrong = (KeyText.new(key_id, "orders").text for key_id in (uuid4(), id_of(key)))
    told = []
    for bad in (unknown, wrong, revoked, f"{key[:-1]}x"):
        response = anonymous.get(CURRENT, headers={**bearer(bad), "X-Request-ID": "same"})
        told.append((response.status_code, response.text, response.headers["WWW-Authenticate"]))
    assert told == [told[0]] * 4


def test_a_missing_key_is_asked_for(anonymous: httpx2.Client) -> None:
    response = anonymous.get(CURRENT)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_expired_key_is_told_from_a_bad_one(service: Service, anonymous: httpx2.Client) -> None:
    short = new_key(service, new_client(), "member", None, "--expires-in", "1s")
    time.sleep(1)
    response = anonymous.get(CURRENT, headers=bearer(short))
    error = response.json()["error"]
    assert (error["code"], error["message"]) == ("UNAUTHENTICATED", "The API key has expired")
    # The same caller never succeeds with it.
    assert not error["retryable"]
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_the_key_is_told_once(admin: httpx2.Client, anonymous: httpx2.Client) -> None:
    response = admin.post(KEYS, json={"client": new_client(), "role": "viewer"})
    made = response.json()
    text = made.pop("key")
    assert response.headers["Location"] == f"{KEYS}/{made['id']}"
    assert admin.get(response.headers["Location"]).json() == made
    assert text not in admin.get(KEYS).text
    current = anonymous.get(CURRENT, headers=bearer(text)).json()
    assert current["permissions"] == made["permissions"] == ["orders:read"]


def test_a_create_that_is_repeated_makes_one_key(admin: httpx2.Client) -> None:
    body, key = {"client": new_client(), "role": "member"}, {"Idempotency-Key": uuid4().hex}
    first, second = (admin.post(KEYS, json=body, headers=key) for _ in range(2))
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Location"] == first.headers["Location"]
    assert first.json()["key"]
    assert second.json() == {**first.json(), "key": None}
    other = admin.post(KEYS, json={**body, "role": "viewer"}, headers=key)
    assert other.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_a_rotated_key_keeps_its_client_and_what_that_owns(
    admin: httpx2.Client, anonymous: httpx2.Client
) -> None:
    old = create(admin, scopes=["orders:read"])
    rotations = f"{KEYS}/{old['id']}/rotations"
    response = admin.post(rotations, json={"overlap": 0, "expires_in": 3600})
    assert response.status_code == 201
    new = response.json()
    assert response.headers["Location"] == f"{KEYS}/{new['id']}"
    for name in ("client", "role", "scopes", "permissions"):
        assert new[name] == old[name]
    assert anonymous.get(CURRENT, headers=bearer(new["key"])).status_code == 200
    ended = anonymous.get(CURRENT, headers=bearer(old["key"]))
    assert ended.json()["error"]["message"] == "The API key has expired"
    again = admin.post(rotations, json={})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "INVALID_STATE")


def test_a_revoked_key_ends_at_once(admin: httpx2.Client, anonymous: httpx2.Client) -> None:
    made = create(admin)
    assert anonymous.get(CURRENT, headers=bearer(made["key"])).status_code == 200
    for _ in range(2):
        assert admin.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert anonymous.get(CURRENT, headers=bearer(made["key"])).status_code == 401
    assert admin.get(f"{KEYS}/{made['id']}").json()["revoked_at"]


def test_whoever_holds_a_key_may_end_it(anonymous: httpx2.Client, service: Service) -> None:
    headers = bearer(new_key(service, new_client(), "viewer", "orders:read"))
    assert anonymous.delete(CURRENT, headers=headers).status_code == 204
    assert anonymous.delete(CURRENT, headers=headers).status_code == 401


def test_the_keys_of_a_client_are_paged(admin: httpx2.Client) -> None:
    client = new_client()
    made = [create(admin, client=client)["id"] for _ in range(3)]
    response, seen = admin.get(KEYS, params={"client": client, "limit": 2}), list[str]()
    while True:
        seen += [key["id"] for key in response.json()["data"]]
        if "next" not in response.links:
            break
        response = admin.get(response.links["next"]["url"])
    assert seen == sorted(made, reverse=True)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"client": "Billing"}, ["client"]),
        ({"role": "owner"}, ["role"]),
        ({"scopes": []}, ["scopes"]),
        ({"scopes": ["everything"]}, ["scopes[0]"]),
        ({"scopes": ["audit:read"]}, ["scopes"]),
        ({"expires_in": 0}, ["expires_in"]),
        ({"expires_in": 366 * 86_400}, ["expires_in"]),
        ({"secret": "mine"}, ["secret"]),
        ({"client": "a b", "role": None}, ["client", "role"]),
    ],
)
def test_what_a_key_cannot_have_is_named(
    admin: httpx2.Client, changes: dict[str, Any], fields: list[str]
) -> None:
    response = admin.post(KEYS, json={"client": new_client(), "role": "member", **changes})
    assert response.status_code == 422, response.text
    assert [detail["field"] for detail in response.json()["error"]["details"]] == fields


@pytest.mark.parametrize(
    ("role", "scope", "allowed"),
    [
        ("anonymous", None, False),
        ("viewer", None, False),
        ("member", None, False),
        ("admin", None, True),
        ("admin", "orders:read", False),
        ("admin", f"orders:read {KEYS_MANAGE}", True),
    ],
)
def test_only_who_may_manage_keys_does(
    service: Service, admin: httpx2.Client, role: str, scope: str | None, allowed: bool
) -> None:
    headers, known = dict[str, str](), create(admin, role="viewer")["id"]
    own = known
    if role != "anonymous":
        key = new_key(service, new_client(role), role, scope)
        headers, own = bearer(key), id_of(key)
    with service.client(headers={**VERSION_HEADERS, **headers}) as client:
        answers = {
            "create": client.post(KEYS, json={"client": new_client(), "role": "viewer"}),
            "malformed": client.post(KEYS, content=b"{"),
            "list": client.get(KEYS),
            "get": client.get(f"{KEYS}/{known}"),
            "lost": client.get(f"{KEYS}/{uuid4()}"),
            "rotate": client.post(f"{KEYS}/{own}/rotations", json={}),
            "revoke": client.delete(f"{KEYS}/{known}"),
        }
    statuses = {name: answer.status_code for name, answer in answers.items()}
    refused = 401 if role == "anonymous" else 403
    assert statuses == (
        {
            "create": 201,
            "malformed": 415,
            "list": 200,
            "get": 200,
            "lost": 404,
            "rotate": 201,
            "revoke": 204,
        }
        if allowed
        else dict.fromkeys(statuses, refused)
    )


def test_a_narrow_key_gives_away_no_more_than_it_allows(
    service: Service, admin: httpx2.Client, anonymous: httpx2.Client
) -> None:
    headers = bearer(new_key(service, new_client("admin"), "admin", f"orders:read {KEYS_MANAGE}"))
    known, reader = create(admin)["id"], create(admin, role="viewer")
    known_client = reader["client"]["name"]
    for answer in (
        anonymous.post(KEYS, json={"client": new_client(), "role": "member"}, headers=headers),
        anonymous.post(KEYS, json={"client": new_client(), "role": "admin"}, headers=headers),
        anonymous.post(KEYS, json={"client": known_client, "role": "viewer"}, headers=headers),
        anonymous.post(f"{KEYS}/{known}/rotations", json={}, headers=headers),
        anonymous.post(f"{KEYS}/{reader['id']}/rotations", json={}, headers=headers),
    ):
        assert answer.status_code == 403
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_bad_keys_are_limited_by_address(start_service: Callable[..., Service]) -> None:
    service = start_service(
        RATE_LIMIT_LOGIN_ADDRESS="2/hour", CACHE_KEY_PREFIX=f"test-bad-keys-{uuid4().hex}:"
    )
    good = new_key(service, new_client())
    bad = [KeyText.new(uuid4(), "orders").text for _ in range(3)]
    with service.client(headers=VERSION_HEADERS) as client:
        answers = [client.get(CURRENT, headers=bearer(key)) for key in (*bad, good)]
    assert [answer.status_code for answer in answers] == [401, 401, 429, 200]
    assert int(answers[2].headers["Retry-After"]) > 0


def test_nothing_of_a_key_is_logged(service: Service, anonymous: httpx2.Client, key: str) -> None:
    request_id = uuid4().hex
    secret = key.rpartition("_")[2]
    headers = {"X-Request-ID": request_id}
    anonymous.get(CURRENT, headers={**bearer(key), **headers})
    anonymous.get(f"/{key}", headers=headers)
    anonymous.get(CURRENT, params={"x": key}, headers=headers)
    deadline = time.monotonic() + 20
    while len(service.logs(request_id=request_id)) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    lines = service.logs(request_id=request_id)
    assert len(lines) == 3
    assert secret not in str(lines)
    assert secret not in service.output()


def test_acts_on_keys_are_in_the_audit_trail(admin: httpx2.Client) -> None:
    made = create(admin)
    admin.delete(f"{KEYS}/{made['id']}")
    trail = {"object": f"api_keys/{made['id']}"}
    response = admin.get(path("/audit-events"), params=trail)
    events = response.json()["data"]
    assert [event["action"] for event in events] == ["api_keys.revoke", "api_keys.create"]
    assert {event["actor_kind"] for event in events} == {"machine"}
    assert made["key"] not in response.text
