"""Keys over gRPC: how they are presented, managed and refused."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from app.auth.api_key import KeyText
from app.proto.auth.v1 import api_keys_pb2
from app.proto.orders.v1 import orders_pb2
from tests.support.accounts import keys_stub, sign_in_for_a_while
from tests.support.calls import Client, Refusal, answered, calling, refusal
from tests.support.keys import command, id_of, new_client, new_key
from tests.support.service import Service

CURRENT = api_keys_pb2.GetCurrentApiKeyRequest()


def wanted(**changes: object) -> api_keys_pb2.CreateApiKeyRequest:
    values = {"client": new_client(), "role": "member", **changes}
    return api_keys_pb2.CreateApiKeyRequest(**values)  # type: ignore[arg-type]


def current(service: Service, metadata: dict[str, str]) -> str:
    """The id of the key, or the code of the refusal."""
    with calling(service, metadata) as client:
        try:
            return keys_stub(client).GetCurrentApiKey(CURRENT).uid
        except grpc.RpcError as error:
            return Refusal.of(error).code


@pytest.fixture(scope="module")
def key(service: Service) -> str:
    return new_key(service, new_client())


def test_a_key_is_sent_in_either_metadata(service: Service, key: str) -> None:
    for metadata in (
        {"authorization": f"Bearer {key}"},
        {"x-api-key": key},
        {"authorization": f"bearer {key}", "x-api-key": key},
    ):
        assert current(service, metadata) == str(id_of(key))


def test_two_different_keys_are_refused(service: Service, key: str) -> None:
    other = new_key(service, new_client())
    both = {"authorization": f"Bearer {key}", "x-api-key": other}
    assert current(service, both) == "UNAUTHENTICATED"
    with calling(service, {"x-api-key": key}) as client:
        twice = refusal(
            client.orders.ListOrders,
            orders_pb2.ListOrdersRequest(),
            metadata=(("x-api-key", key),),
        )
    assert twice.code == "MALFORMED_REQUEST"


def test_unknown_wrong_and_revoked_keys_are_refused_alike(service: Service, key: str) -> None:
    revoked = new_key(service, new_client())
    command(service, "revoke", str(id_of(revoked)))
    unknown, wrong = (KeyText.new(key_id, "orders").text for key_id in (uuid4(), id_of(key)))
    told = set()
    for bad in (unknown, wrong, revoked, f"{key[:-1]}x", "nonsense"):
        with calling(service, {"x-api-key": bad}) as client:
            refused = refusal(keys_stub(client).GetCurrentApiKey, CURRENT)
        told.add((refused.status, refused.code, refused.message))
    assert told == {
        (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", "The API key is not valid")
    }


def test_an_expired_key_is_told_from_a_bad_one(service: Service) -> None:
    short = new_key(service, new_client(), "member", None, "--expires-in", "1s")
    time.sleep(1)
    with calling(service, {"x-api-key": short}) as client:
        refused = refusal(keys_stub(client).GetCurrentApiKey, CURRENT)
    assert (refused.code, refused.message) == ("UNAUTHENTICATED", "The API key has expired")


def test_a_key_is_made_told_once_and_read(service: Service, admin: Client) -> None:
    keys = keys_stub(admin)
    request = wanted(scopes=["orders:read"], expires_in=Duration(seconds=3600))
    made = keys.CreateApiKey(request)
    assert made.api_key.name == f"apiKeys/{made.api_key.uid}"
    assert made.api_key.client.display_name == request.client
    assert list(made.api_key.permissions) == ["orders:read"]
    lifetime = made.api_key.expire_time.ToDatetime() - made.api_key.create_time.ToDatetime()
    assert lifetime.total_seconds() == 3600
    assert not made.api_key.HasField("last_use_time")
    assert keys.GetApiKey(api_keys_pb2.GetApiKeyRequest(name=made.api_key.name)) == made.api_key
    assert current(service, {"x-api-key": made.key}) == made.api_key.uid


def test_a_create_that_is_repeated_makes_one_key(admin: Client) -> None:
    request, key = wanted(), {"idempotency-key": uuid4().hex}
    first, _ = answered(keys_stub(admin).CreateApiKey, request, key)
    second, metadata = answered(keys_stub(admin).CreateApiKey, request, key)
    assert metadata["idempotency-replayed"] == "true"
    assert (second.api_key, second.key) == (first.api_key, "")
    assert first.key


def test_a_rotated_key_keeps_its_client(service: Service, admin: Client) -> None:
    old = keys_stub(admin).CreateApiKey(wanted())
    request = api_keys_pb2.RotateApiKeyRequest(name=old.api_key.name, overlap=Duration())
    new = keys_stub(admin).RotateApiKey(request)
    assert new.api_key.client == old.api_key.client
    assert current(service, {"x-api-key": old.key}) == "UNAUTHENTICATED"
    assert current(service, {"x-api-key": new.key}) == new.api_key.uid
    again = refusal(keys_stub(admin).RotateApiKey, request)
    assert (again.status, again.code) == (grpc.StatusCode.FAILED_PRECONDITION, "INVALID_STATE")


def test_a_revoked_key_ends_at_once(service: Service, admin: Client) -> None:
    made = keys_stub(admin).CreateApiKey(wanted())
    name = made.api_key.name
    keys_stub(admin).RevokeApiKey(api_keys_pb2.RevokeApiKeyRequest(name=name))
    assert current(service, {"x-api-key": made.key}) == "UNAUTHENTICATED"
    read = keys_stub(admin).GetApiKey(api_keys_pb2.GetApiKeyRequest(name=name))
    assert read.HasField("revoke_time")


def test_all_streams_of_a_revoked_key_end_alike(start_service: Callable[..., Service]) -> None:
    service = start_service(
        GRPC_STREAM_CHECK_SECONDS="0.2",
        RATE_LIMIT_LOGIN_ADDRESS="1/hour",
        CACHE_KEY_PREFIX=f"test-streams-{uuid4().hex}:",
    )
    headers, revoke = sign_in_for_a_while(service)
    request = orders_pb2.WatchOrdersRequest()
    with calling(service, headers) as client:
        streams: list[Any] = [client.orders.WatchOrders(request, timeout=15) for _ in range(3)]
        for stream in streams:
            stream.initial_metadata()
        revoke()
        told = [Refusal.of(stream.exception()) for stream in streams]
    assert [refused.code for refused in told] == ["UNAUTHENTICATED"] * 3
    assert [refused.retry_seconds for refused in told] == [None] * 3


def test_the_keys_of_a_client_have_pages(admin: Client) -> None:
    client = new_client()
    made = {keys_stub(admin).CreateApiKey(wanted(client=client)).api_key.name for _ in range(3)}
    request, seen = api_keys_pb2.ListApiKeysRequest(client=client, page_size=2), list[str]()
    while True:
        page = keys_stub(admin).ListApiKeys(request)
        seen += [key.name for key in page.api_keys]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == sorted(made, reverse=True)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"client": "Billing"}, ["client"]),
        ({"client": "", "role": ""}, ["client", "role"]),
        ({"role": "owner"}, ["role"]),
        ({"scopes": ["orders:read", "everything"]}, ["scopes[1]"]),
        ({"scopes": ["audit:read"]}, ["scopes"]),
        ({"expires_in": Duration()}, ["expires_in"]),
        ({"expires_in": Duration(seconds=366 * 86_400)}, ["expires_in"]),
    ],
)
def test_what_a_key_cannot_have_is_named(
    admin: Client, changes: dict[str, object], fields: list[str]
) -> None:
    refused = refusal(keys_stub(admin).CreateApiKey, wanted(**changes))
    assert (refused.code, refused.fields) == ("VALIDATION_ERROR", fields)


@pytest.mark.parametrize(
    ("role", "scope", "code"),
    [
        ("viewer", None, "FORBIDDEN"),
        ("member", None, "FORBIDDEN"),
        ("admin", "orders:read", "FORBIDDEN"),
        ("admin", "orders:read keys:manage", "OK"),
    ],
)
def test_only_who_may_manage_keys_does(
    service: Service, admin: Client, role: str, scope: str | None, code: str
) -> None:
    known = keys_stub(admin).CreateApiKey(wanted(role="viewer")).api_key.name
    key = new_key(service, new_client(role), role, scope)
    own, told = f"apiKeys/{id_of(key)}", []
    with calling(service, {"x-api-key": key}) as client:
        keys = keys_stub(client)
        for call in (
            lambda: keys.CreateApiKey(wanted(role="viewer")),
            lambda: keys.ListApiKeys(api_keys_pb2.ListApiKeysRequest()),
            lambda: keys.GetApiKey(api_keys_pb2.GetApiKeyRequest(name=known)),
            lambda: keys.RotateApiKey(api_keys_pb2.RotateApiKeyRequest(name=own)),
            lambda: keys.RevokeApiKey(api_keys_pb2.RevokeApiKeyRequest(name=known)),
        ):
            try:
                call()
                told.append("OK")
            except grpc.RpcError as error:
                told.append(Refusal.of(error).code)
        assert told == [code] * 5
        nonsense = refusal(client.raw("auth.v1.ApiKeyService/CreateApiKey"), b"\xff\xff")
    assert nonsense.code == ("MALFORMED_REQUEST" if code == "OK" else "FORBIDDEN")


def test_a_narrow_key_gives_away_no_more_than_it_allows(service: Service) -> None:
    key, reader = (
        new_key(service, new_client("admin"), "admin", "orders:read keys:manage"),
        new_client(),
    )
    new_key(service, reader, "viewer")
    with calling(service, {"x-api-key": key}) as client:
        for request in (wanted(role="admin"), wanted(client=reader, role="viewer")):
            assert refusal(keys_stub(client).CreateApiKey, request).code == "FORBIDDEN"
