"""The page that explores the schema, what is told of the rest, and where they are shown."""

import json
import re
from collections.abc import Callable

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.graphql import codes, run, send
from tests.support.paths import path
from tests.support.service import Service, run_command

SCHEMA = "{ __schema { queryType { name } } }"


def test_the_page_loads_what_its_policy_allows(anonymous: httpx2.Client) -> None:
    response = anonymous.get("/docs", headers={"Accept": "text/html"})
    assert response.headers["Content-Type"].startswith("text/html")
    sources = re.findall(r'(?:src|href)="(https://[^/]+)/[^"]+" integrity="sha384-', response.text)
    assert set(sources) == {"https://unpkg.com"}
    assert len(sources) == len(re.findall(r"(?:src|href)=", response.text))
    assert (
        "script-src 'unsafe-inline' https://unpkg.com"
        in (response.headers["Content-Security-Policy"])
    )


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_documentation_is_shown_only_where_it_is_wanted(
    start_service: Callable[..., Service], enabled: str
) -> None:
    service = start_service(HTTP_DOCS_ENABLED=enabled)
    with service.client(headers=sign_in(service)) as client:
        page = client.get("/docs", headers={"Accept": "text/html"})
        document = client.get("/openapi.json")
        assert page.status_code == document.status_code
        if enabled == "true":
            assert page.status_code == 200
            assert run(client, SCHEMA) == {"queryType": {"name": "Query"}}
        else:
            assert page.status_code == 404
            assert set(codes(send(client, SCHEMA))) == {"VALIDATION_ERROR"}


def test_suggestions_are_made_where_the_schema_is_told(member: httpx2.Client) -> None:
    assert "Did you mean 'orders'" in send(member, "{ ordrs { nodes { id } } }").text


def test_what_stays_http_is_described(service: Service, anonymous: httpx2.Client) -> None:
    served = anonymous.get("/openapi.json")
    assert served.headers["Cache-Control"] == "public, max-age=300"
    document = served.json()
    assert document["openapi"].startswith("3.1")
    listed = document["paths"][path("/audit-events")]["get"]
    assert listed["x-permission"] == "audit:read"
    assert listed["security"]
    assert {"200", "401", "403", "429"} <= set(listed["responses"])
    assert "/graphql" not in document["paths"]
    assert json.loads(run_command("openapi", env=service.environment).stdout) == document
