"""Callers of the API: an account takes longer to make than most tests, so that they share some."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.paths import VERSION_HEADERS
from tests.support.service import Service


@pytest.fixture(scope="module")
def sign_in_as(service: Service) -> Iterator[Callable[[str], httpx2.Client]]:
    """A client of a new account with the given role."""
    with ExitStack() as clients:

        def client(role: str) -> httpx2.Client:
            headers = {**VERSION_HEADERS, **sign_in(service, role=role)}
            return clients.enter_context(service.client(headers=headers))

        yield client


@pytest.fixture(scope="module")
def member(sign_in_as: Callable[[str], httpx2.Client]) -> httpx2.Client:
    return sign_in_as("member")


@pytest.fixture(scope="module")
def other_member(sign_in_as: Callable[[str], httpx2.Client]) -> httpx2.Client:
    return sign_in_as("member")


@pytest.fixture
def newcomer(sign_in_as: Callable[[str], httpx2.Client]) -> httpx2.Client:
    """A member who has no orders yet."""
    return sign_in_as("member")


@pytest.fixture(scope="module")
def viewer(sign_in_as: Callable[[str], httpx2.Client]) -> httpx2.Client:
    return sign_in_as("viewer")


@pytest.fixture(scope="module")
def admin(sign_in_as: Callable[[str], httpx2.Client]) -> httpx2.Client:
    return sign_in_as("admin")


@pytest.fixture(scope="module")
def anonymous(service: Service) -> Iterator[httpx2.Client]:
    with service.client(headers=VERSION_HEADERS) as client:
        yield client
