"""Tokens of the identity provider as a client sees them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from dev.sign_in import sign_in
from tests.support.probe import probing
from tests.support.providers import Provider, new_keys, own_provider
from tests.support.service import Service, seconds_until_true
from tests.support.tokens import access_claims, signed, signing_key

FIRST, SECOND = new_keys("first"), new_keys("second")


@pytest.fixture
def provider(scratch: Path) -> Iterator[Provider]:
    with own_provider(scratch, FIRST) as running:
        yield running


def answer(service: Service, token: str) -> str:
    """What becomes of listing orders with the token."""
    with probing(service, {"authorization": f"Bearer {token}"}) as ask:
        return ask().code


def test_a_user_logs_in_at_the_provider(service: Service) -> None:
    given = sign_in(service.environment["OIDC_ISSUER"], "grace")
    assert answer(service, given["access_token"]) == "OK"
    assert answer(service, given["id_token"]) == "UNAUTHENTICATED"


@pytest.mark.parametrize(("scope", "code"), [("orders:read", "OK"), ("orders:write", "FORBIDDEN")])
def test_a_machine_gets_a_token_for_itself(scope: str, code: str, service: Service) -> None:
    issuer = service.environment["OIDC_ISSUER"]
    form = {"grant_type": "client_credentials", "scope": scope}
    given = httpx2.post(f"{issuer}/token", data=form, auth=("machine", "development"))
    assert answer(service, given.raise_for_status().json()["access_token"]) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "OK"),
        ({"aud": "urn:invoices"}, "UNAUTHENTICATED"),
        ({"iss": "https://attacker.example"}, "UNAUTHENTICATED"),
        ({"exp": 1}, "TOKEN_EXPIRED"),
        ({"nbf": 4_000_000_000}, "UNAUTHENTICATED"),
        ({"roles": ["nobody"]}, "FORBIDDEN"),
        ({"scope": "openid"}, "FORBIDDEN"),
    ],
    ids=str,
)
def test_a_token_counts_for_what_it_says(
    changes: dict[str, object], code: str, service: Service
) -> None:
    claims = access_claims(service.environment, "ada", **{"roles": ["member"], **changes})
    assert answer(service, signed(claims)) == code


def test_without_the_provider_known_keys_go_on_and_others_are_not_judged(
    provider: Provider, start_service: Callable[..., Service]
) -> None:
    service = start_service(**provider.variables, OIDC_REFRESH_SECONDS="0.2")
    claims = access_claims(provider.variables, "ada", roles=["member"])
    known = signed(claims, key=signing_key(keys=FIRST))
    unknown = signed(claims, key=signing_key(keys=SECOND))
    assert answer(service, known) == "OK"
    assert answer(service, unknown) == "UNAUTHENTICATED"
    provider.stop()
    seconds_until_true(lambda: answer(service, unknown) == "DEPENDENCY_UNAVAILABLE")
    assert answer(service, known) == "OK"
    provider.start(SECOND)
    seconds_until_true(lambda: answer(service, unknown) == "OK")
    assert answer(service, known) == "UNAUTHENTICATED"
