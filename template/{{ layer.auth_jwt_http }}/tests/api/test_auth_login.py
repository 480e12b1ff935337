"""What a login may ask for, and how it must be written."""

import httpx2
import pytest

from tests.support.accounts import PASSWORD, log_in, new_email, register
from tests.support.paths import path
from tests.support.probe import probing
from tests.support.service import Service

TOKEN = path("/auth/token")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_scope_narrows_what_the_role_allows(service: Service, anonymous: httpx2.Client) -> None:
    email = new_email()
    register(service, email)
    for scope, code in (("orders:read", "OK"), ("orders:write", "FORBIDDEN")):
        tokens = log_in(service, email, scope=f"{scope} audit:read")
        assert tokens["scope"] == scope
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        account = anonymous.get(path("/users/me"), headers=bearer).json()
        assert account["permissions"] == [scope]
        with probing(service, bearer) as list_orders:
            assert list_orders().code == code
        refused = anonymous.get(path("/audit-events"), headers=bearer)
        assert refused.status_code == 403
        assert refused.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


@pytest.mark.parametrize("scope", ["everything", "orders:read everything", "audit:read"])
def test_a_scope_that_cannot_be_given_is_an_error(
    service: Service, anonymous: httpx2.Client, scope: str
) -> None:
    email = new_email()
    register(service, email)
    form = {"grant_type": "password", "username": email, "password": PASSWORD, "scope": scope}
    response = anonymous.post(TOKEN, data=form)
    assert response.status_code == 400
    assert response.json()["error"]["details"][0]["issue"].startswith("invalid_scope")


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", FORM, 422),
        (b"grant_type=password&username=&password=x", FORM, 422),
        (b"grant_type=password&username=a", FORM, 422),
        (b"grant_type=client_credentials&username=a&password=b", FORM, 400),
        (b"grant_type=password&username=a&password=b&password=c", FORM, 400),
        (b"grant_type=password&username=%ff&password=b", FORM, 400),
        (b"grant_type=password&username=\xff&password=b", FORM, 400),
        (b"&".join(b"f%d=1" % n for n in range(101)), FORM, 400),
        (b"grant_type=password&username=a&password=" + b"x" * 129, FORM, 422),
        (b'{"grant_type": "password"}', {"Content-Type": "application/json"}, 415),
        (b"grant_type=password", {}, 415),
    ],
)
def test_a_login_that_is_no_proper_form_is_refused(
    anonymous: httpx2.Client, content: bytes, headers: dict[str, str], status: int
) -> None:
    response = anonymous.post(TOKEN, content=content, headers=headers)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}


def test_parameters_that_a_login_does_not_know_are_ignored(
    service: Service, anonymous: httpx2.Client
) -> None:
    email = new_email()
    register(service, email)
    form = {"grant_type": "password", "username": email, "password": PASSWORD, "scope": ""}
    response = anonymous.post(TOKEN, data={**form, "client_id": ["one", "two"]})
    assert response.status_code == 200
