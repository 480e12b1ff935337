"""What tests look for in the database at their end: see the fixture `database_url`."""

from tests.support.accounts import SECRETS, sign_in
from tests.support.service import Service


def test_credentials_are_recognised_as_secrets(service: Service) -> None:
    assert any(SECRETS.search(value) for value in sign_in(service).values())
