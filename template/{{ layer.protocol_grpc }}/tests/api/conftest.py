"""Callers of the API, each a new account with a role."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.accounts import sign_in
from tests.support.calls import Client, calling
from tests.support.service import Service


@pytest.fixture
def sign_in_as(service: Service) -> Iterator[Callable[[str], Client]]:
    """A client of a new account with the given role."""
    with ExitStack() as clients:

        def client(role: str) -> Client:
            return clients.enter_context(calling(service, sign_in(service, role=role)))

        yield client


@pytest.fixture
def member(sign_in_as: Callable[[str], Client]) -> Client:
    return sign_in_as("member")


@pytest.fixture
def other_member(sign_in_as: Callable[[str], Client]) -> Client:
    return sign_in_as("member")


@pytest.fixture
def viewer(sign_in_as: Callable[[str], Client]) -> Client:
    return sign_in_as("viewer")


@pytest.fixture
def admin(sign_in_as: Callable[[str], Client]) -> Client:
    return sign_in_as("admin")


@pytest.fixture
def anonymous(service: Service) -> Iterator[Client]:
    with calling(service) as client:
        yield client
