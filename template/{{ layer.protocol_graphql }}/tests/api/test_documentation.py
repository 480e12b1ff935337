"""The page that explores the schema, and where it is shown."""

import re
from collections.abc import Callable

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.graphql import codes, run, send
from tests.support.service import Service

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
        if enabled == "true":
            assert page.status_code == 200
            assert run(client, SCHEMA) == {"queryType": {"name": "Query"}}
        else:
            assert page.status_code == 404
            assert set(codes(send(client, SCHEMA))) == {"VALIDATION_ERROR"}


def test_suggestions_are_made_where_the_schema_is_told(member: httpx2.Client) -> None:
    assert "Did you mean 'orders'" in send(member, "{ ordrs { nodes { id } } }").text
