"""Versions by the first segment of the path, and what becomes of them."""

from datetime import UTC, datetime

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.http.middleware.strictness import StrictnessMiddleware
from app.transport.versioning import VersionMiddleware
from app.transport.versions import ApiVersion, VersionState

VERSIONS = {
    "v1": ApiVersion(
        state=VersionState.GONE,
        deprecated_at=datetime(2024, 1, 1, tzinfo=UTC),
        sunset_at=datetime(2025, 1, 1, tzinfo=UTC),
        link="https://example.com/v2",
    ),
    "v2": ApiVersion(
        state=VersionState.DEPRECATED,
        deprecated_at=datetime(2026, 1, 1, tzinfo=UTC),
        sunset_at=datetime(2027, 1, 1, tzinfo=UTC),
        link="https://example.com/v3",
    ),
    "v3": ApiVersion(state=VersionState.LIVE),
}


@pytest.fixture
def client() -> httpx2.AsyncClient:
    async def orders(_request: object) -> PlainTextResponse:
        return PlainTextResponse("here")

    paths = ("/v1/orders", "/v2/orders", "/v3/orders", "/health")
    inner = Starlette(routes=[Route(path, orders) for path in paths])
    stack = VersionMiddleware(StrictnessMiddleware(inner), VERSIONS)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await stack({**scope, "state": {}}, receive, send)

    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost")


@pytest.mark.anyio
async def test_a_live_version_answers_without_marks(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v3/orders")
    assert response.status_code == 200
    assert "Deprecation" not in response.headers


@pytest.mark.anyio
async def test_a_deprecated_version_says_so_on_every_response(client: httpx2.AsyncClient) -> None:
    for path, status in (("/v2/orders", 200), ("/v2/nothing", 404)):
        response = await client.get(path)
        assert response.status_code == status
        assert response.headers["Deprecation"] == "@1767225600"
        assert response.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
        assert response.links["deprecation"]["url"] == "https://example.com/v3"


@pytest.mark.anyio
async def test_a_version_that_is_gone_answers_410(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/orders")
    assert response.status_code == 410
    assert response.json()["error"]["code"] == "GONE"
    assert response.links["deprecation"]["url"] == "https://example.com/v2"


@pytest.mark.anyio
async def test_an_unversioned_path_passes(client: httpx2.AsyncClient) -> None:
    response = await client.get("/health")
    assert response.text == "here"
