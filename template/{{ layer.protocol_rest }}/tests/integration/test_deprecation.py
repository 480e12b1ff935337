"""What the responses of a version say once it is deprecated, whatever layer they come from."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import pytest

from app.bootstrap import build_service
from app.settings import Settings
from app.transport import routes
from app.transport.app import create_app
from app.transport.versions import ApiVersion, VersionState
from tests.support.accounts import sign_in
from tests.support.orders import order_draft
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service

ORDERS = path("/orders")
DEPRECATED = ApiVersion(
    state=VersionState.DEPRECATED,
    deprecated_at=datetime(2026, 1, 1, tzinfo=UTC),
    sunset_at=datetime(2027, 1, 1, tzinfo=UTC),
    link="https://example.com/v2",
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application in this process, which takes three requests from an address."""
    limits = {"RATE_LIMIT_ADDRESS": "3/hour", "CACHE_KEY_PREFIX": "test-deprecation:"}
    for name, value in {**environment, **limits}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(routes, "VERSIONS", {"v1": DEPRECATED})
    service = build_service(Settings.load())
    transport = httpx2.ASGITransport(create_app(service))
    async with (
        service.running(),
        httpx2.AsyncClient(
            transport=transport, base_url="http://localhost", headers=VERSION_HEADERS
        ) as made,
    ):
        yield made


async def test_every_response_of_a_deprecated_version_says_so(
    client: httpx2.AsyncClient, service: Service
) -> None:
    request = client.build_request
    member = {**sign_in(service), "Content-Type": "application/json"}
    exchanges = [
        (404, request("GET", path("/nowhere"))),
        (405, request("PUT", ORDERS)),
        (401, request("POST", ORDERS, json=order_draft())),
        (413, request("POST", ORDERS, content=b"x" * 2_000_000, headers=member)),
        (400, request("GET", ORDERS, headers={"Host": "evil.example"})),
        (429, request("GET", ORDERS)),
    ]
    for status, sent in exchanges:
        response = await client.send(sent)
        assert response.status_code == status, response.text
        assert response.headers["Deprecation"] == "@1767225600"
        assert response.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
        assert response.links["deprecation"]["url"] == "https://example.com/v2"
