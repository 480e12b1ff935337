"""Accounts and tokens over gRPC."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import grpc
import pytest

from app.proto.auth.v1 import auth_pb2
from tests.support.accounts import (
    PASSWORD,
    auth_stub,
    authenticating,
    log_in,
    new_email,
    register,
)
from tests.support.calls import answered, calling, refusal
from tests.support.service import Service

ME = auth_pb2.GetMeRequest()
NEW = "plum otter cabin 47"


def me(service: Service, access_token: str) -> str:
    """The address of the account, or the code of the refusal."""
    with calling(service, {"authorization": f"Bearer {access_token}"}) as client:
        try:
            return auth_stub(client.channel).GetMe(ME).email
        except grpc.RpcError:
            return refusal(auth_stub(client.channel).GetMe, ME).code


def refused_login(service: Service, email: str, password: str) -> Any:
    with authenticating(service) as auth:
        return refusal(auth.LogIn, auth_pb2.LogInRequest(email=email, password=password))


def test_an_account_logs_in_and_reads_itself(service: Service) -> None:
    email = new_email()
    register(service, email.upper())
    tokens = log_in(service, email)
    assert tokens.expires_in == 900
    assert tokens.scope == "orders:read orders:write"
    with calling(service, {"authorization": f"Bearer {tokens.access_token}"}) as client:
        user = auth_stub(client.channel).GetMe(ME)
    assert user.name == f"users/{user.uid}"
    assert (user.email, list(user.roles)) == (email, ["member"])
    assert list(user.permissions) == ["orders:read", "orders:write"]
    assert abs(user.create_time.ToSeconds() - time.time()) < 60


def test_a_login_may_ask_for_less(service: Service) -> None:
    email = new_email()
    register(service, email)
    assert log_in(service, email, scope="orders:read").scope == "orders:read"
    with authenticating(service) as auth:
        request = auth_pb2.LogInRequest(email=email, password=PASSWORD, scope="all")
        unknown = refusal(auth.LogIn, request)
    assert (unknown.code, unknown.fields) == ("MALFORMED_REQUEST", ["scope"])


def test_nobody_learns_who_has_an_account(service: Service) -> None:
    known = new_email()
    register(service, known)
    with authenticating(service) as auth:
        again = auth_pb2.RegisterRequest(email=known, password=NEW)
        assert auth.Register(again) == auth.Register(
            auth_pb2.RegisterRequest(email=new_email(), password=NEW)
        )
    assert log_in(service, known).access_token
    wrong = refused_login(service, known, NEW)
    unknown = refused_login(service, new_email(), NEW)
    assert wrong.status is grpc.StatusCode.UNAUTHENTICATED
    assert (wrong.status, wrong.code, wrong.message) == (
        unknown.status,
        unknown.code,
        unknown.message,
    )


@pytest.mark.parametrize(
    ("email", "password", "fields"),
    [
        ("", "", ["email", "password"]),
        ("nobody", NEW, ["email"]),
        ("a@example.com", "short", ["password"]),
        ("a@example.com", "password1234", ["password"]),
        ("a@example.com", "x" * 129, ["password"]),
        ("x" * 255, NEW, ["email"]),
    ],
)
def test_what_cannot_be_an_account_is_told(
    service: Service, email: str, password: str, fields: list[str]
) -> None:
    with authenticating(service) as auth:
        request = auth_pb2.RegisterRequest(email=email, password=password)
        wrong = refusal(auth.Register, request)
    assert (wrong.code, wrong.fields) == ("VALIDATION_ERROR", fields)
    assert not password or password not in str(wrong)


def test_a_registration_may_be_sent_again(service: Service) -> None:
    request = auth_pb2.RegisterRequest(email=new_email(), password=NEW)
    key = {"idempotency-key": uuid4().hex}
    with authenticating(service) as auth:
        _, first = answered(auth.Register, request, key)
        _, second = answered(auth.Register, request, key)
    assert "idempotency-replayed" not in first
    assert second["idempotency-replayed"] == "true"


def refresh(service: Service, token: str) -> Any:
    with authenticating(service) as auth:
        try:
            return auth.RefreshTokens(auth_pb2.RefreshTokensRequest(refresh_token=token))
        except grpc.RpcError:
            return None


def test_a_refresh_token_is_for_one_use_and_its_reuse_ends_the_session(service: Service) -> None:
    email = new_email()
    register(service, email)
    first = log_in(service, email)
    second = refresh(service, first.refresh_token)
    assert me(service, second.access_token) == email
    assert refresh(service, first.refresh_token) is None
    assert refresh(service, second.refresh_token) is None
    assert me(service, second.access_token) == "UNAUTHENTICATED"
    assert refresh(service, "nonsense") is None


def test_of_refreshes_at_once_one_wins_at_most(service: Service) -> None:
    email = new_email()
    register(service, email)
    token = log_in(service, email).refresh_token
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda _: refresh(service, token), range(8)))
    assert len([tokens for tokens in outcomes if tokens is not None]) <= 1


def test_a_revoked_token_ends_its_session(service: Service) -> None:
    email = new_email()
    register(service, email)
    for kind in ("access_token", "refresh_token"):
        tokens, other = log_in(service, email), log_in(service, email)
        with authenticating(service) as auth:
            request = auth_pb2.RevokeTokenRequest(token=getattr(tokens, kind))
            assert auth.RevokeToken(request) == auth.RevokeToken(request)
            auth.RevokeToken(auth_pb2.RevokeTokenRequest(token="unknown"))
        assert me(service, tokens.access_token) == "UNAUTHENTICATED"
        assert me(service, other.access_token) == email


def test_all_sessions_end_at_once(service: Service) -> None:
    email = new_email()
    register(service, email)
    here, there = log_in(service, email), log_in(service, email)
    with calling(service, {"authorization": f"Bearer {here.access_token}"}) as client:
        auth_stub(client.channel).RevokeAllTokens(auth_pb2.RevokeAllTokensRequest())
    assert {me(service, it.access_token) for it in (here, there)} == {"UNAUTHENTICATED"}


def test_a_changed_password_ends_the_other_sessions(service: Service) -> None:
    email = new_email()
    register(service, email)
    here, there = log_in(service, email), log_in(service, email)
    with calling(service, {"authorization": f"Bearer {here.access_token}"}) as client:
        change = auth_stub(client.channel).ChangePassword
        wrong = auth_pb2.ChangePasswordRequest(current_password="wrong", new_password=NEW)
        assert refusal(change, wrong).fields == ["current_password"]
        change(auth_pb2.ChangePasswordRequest(current_password=PASSWORD, new_password=NEW))
    assert me(service, here.access_token) == email
    assert me(service, there.access_token) == "UNAUTHENTICATED"
    assert refused_login(service, email, PASSWORD).code == "UNAUTHENTICATED"
    assert log_in(service, email, NEW).access_token


def test_logins_are_limited_by_account(start_service: Callable[..., Service]) -> None:
    service = start_service(RATE_LIMIT_LOGIN_ACCOUNT="2/minute")
    email = new_email()
    register(service, email)
    codes = [refused_login(service, email, NEW).code for _ in range(3)]
    assert codes == ["UNAUTHENTICATED", "UNAUTHENTICATED", "RATE_LIMITED"]
    assert log_in_of_another(service)


def test_registration_is_limited_by_address_as_logins_are(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(
        RATE_LIMIT_LOGIN_ADDRESS="2/hour", CACHE_KEY_PREFIX=f"test-{uuid4().hex}:"
    )
    known = new_email()
    register(service, known)
    register(service, known)
    with authenticating(service) as auth:
        for email in (known, new_email()):
            request = auth_pb2.RegisterRequest(email=email, password=PASSWORD)
            assert refusal(auth.Register, request).code == "RATE_LIMITED"
    assert refused_login(service, known, PASSWORD).code == "RATE_LIMITED"


def log_in_of_another(service: Service) -> str:
    email = new_email()
    register(service, email)
    return log_in(service, email).access_token


def test_secrets_and_addresses_stay_out_of_the_log(service: Service) -> None:
    email = new_email()
    register(service, email)
    tokens = log_in(service, email)
    assert me(service, tokens.access_token) == email
    output = service.output()
    for secret in (email, PASSWORD, tokens.access_token, tokens.refresh_token):
        assert secret not in output


def test_other_services_find_the_keys_over_http(service: Service) -> None:
    with service.client() as client:
        response = client.get("/.well-known/jwks.json")
        assert response.status_code == 200
        (key,) = response.json()["keys"]
        assert (key["kty"], key["alg"], key["use"]) == ("EC", "ES256", "sig")
        assert "d" not in key
        assert response.headers["Cache-Control"] == "public, max-age=300"
        etag = {"If-None-Match": response.headers["ETag"]}
        assert client.get("/.well-known/jwks.json", headers=etag).status_code == 304
