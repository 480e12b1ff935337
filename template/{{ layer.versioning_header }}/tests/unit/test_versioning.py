"""Versions by the Accept header, and what becomes of them."""

from datetime import UTC, datetime

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.http.middleware.strictness import StrictnessMiddleware
from app.project import NAME
from app.transport import versioning
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
def client(monkeypatch: pytest.MonkeyPatch) -> httpx2.AsyncClient:
    monkeypatch.setattr(versioning, "CURRENT", "v3")

    async def orders(_request: object) -> PlainTextResponse:
        return PlainTextResponse("here")

    async def json(_request: object) -> JSONResponse:
        return JSONResponse([])

    async def empty(_request: object) -> Response:
        return Response(status_code=204)

    paths = ("/v1/orders", "/v2/orders", "/v3/orders", "/health")
    routes = [Route(path, orders) for path in paths]
    inner = Starlette(routes=[*routes, Route("/v3/json", json), Route("/v3/empty", empty)])
    stack = VersionMiddleware(StrictnessMiddleware(inner), VERSIONS)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await stack({**scope, "state": {}}, receive, send)

    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost")


def accept(version: str) -> dict[str, str]:
    return {"Accept": f"application/vnd.{NAME}.{version}+json"}


@pytest.mark.anyio
async def test_a_live_version_answers_without_marks(client: httpx2.AsyncClient) -> None:
    response = await client.get("/orders", headers=accept("v3"))
    assert response.text == "here"
    assert response.headers["Vary"] == "Accept"
    assert "Deprecation" not in response.headers


@pytest.mark.anyio
async def test_a_deprecated_version_says_so_on_every_response(client: httpx2.AsyncClient) -> None:
    for path, status in (("/orders", 200), ("/nothing", 404)):
        response = await client.get(path, headers=accept("v2"))
        assert response.status_code == status
        assert response.headers["Deprecation"] == "@1767225600"
        assert response.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
        assert response.links["deprecation"]["url"] == "https://example.com/v3"


@pytest.mark.anyio
async def test_a_version_that_is_gone_answers_410(client: httpx2.AsyncClient) -> None:
    response = await client.get("/orders", headers=accept("v1"))
    assert response.status_code == 410
    assert response.json()["error"]["code"] == "GONE"
    assert response.links["deprecation"]["url"] == "https://example.com/v2"


@pytest.mark.anyio
async def test_an_unknown_version_is_not_acceptable(client: httpx2.AsyncClient) -> None:
    response = await client.get("/orders", headers=accept("v9"))
    assert response.status_code == 406
    assert response.json()["error"]["code"] == "NOT_ACCEPTABLE"
    assert response.headers["Vary"] == "Accept"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*;q=0.5", "application/json"),
        ("{v9}, {v3}", "{v3}"),
        ("{v9}, application/json;q=0.1", "application/json"),
        ("application/json, {v3}", "{v3}"),
        ("application/json, {v3};q=0.9", "application/json"),
        ("{v3};q=0, application/json", "application/json"),
        ("{V3}", "{v3}"),
    ],
)
async def test_the_best_of_what_is_accepted_answers(
    client: httpx2.AsyncClient, asked: str, answered: str
) -> None:
    types = {version: accept(version)["Accept"] for version in ("v3", "v9")}
    types["V3"] = types["v3"].upper()
    response = await client.get("/json", headers={"Accept": asked.format_map(types)})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == answered.format_map(types)
    assert response.headers["Vary"] == "Accept"


@pytest.mark.anyio
async def test_what_has_no_content_has_no_media_type(client: httpx2.AsyncClient) -> None:
    response = await client.get("/empty", headers=accept("v3"))
    assert "Content-Type" not in response.headers


@pytest.mark.anyio
@pytest.mark.parametrize(
    "asked", ["text/html", "{v3};q=0", "{v3};q=x", "application/vnd.o.v3+json"]
)
async def test_every_refusal_says_that_it_varies(client: httpx2.AsyncClient, asked: str) -> None:
    headers = {"Accept": asked.format(v3=accept("v3")["Accept"])}
    response = await client.get("/json", headers=headers)
    assert response.status_code == 406
    assert response.headers["Vary"] == "Accept"


@pytest.mark.anyio
async def test_the_internal_prefix_is_no_address(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v3/orders", headers=accept("v3"))
    assert response.status_code == 404


@pytest.mark.anyio
async def test_an_unversioned_path_passes(client: httpx2.AsyncClient) -> None:
    response = await client.get("/health")
    assert response.text == "here"
    assert "Vary" not in response.headers


@pytest.mark.anyio
async def test_several_lines_of_accept_are_one_list(client: httpx2.AsyncClient) -> None:
    for lines in (("text/html", accept("v3")["Accept"]), (accept("v9")["Accept"], "*/*;q=0.1")):
        response = await client.get("/json", headers=[("Accept", line) for line in lines])
        assert response.status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/healthz", "/metricsx", "/docsets", "/openapi.json5"])
async def test_a_path_that_only_begins_like_an_unversioned_one_has_versions(
    client: httpx2.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert response.headers["Vary"] == "Accept"


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/health/live", "/.well-known/jwks.json"])
async def test_what_is_below_an_unversioned_path_has_none_either(
    client: httpx2.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert "Vary" not in response.headers
