"""The service answers whatever the schema allows, with data or with an error of the caller's."""

import os
from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import decimals
from hypothesis_graphql import from_schema, nodes

from app.transport.schema import SCHEMA
from tests.support.accounts import sign_in
from tests.support.graphql import GRAPHQL, codes, errors, send
from tests.support.service import Service

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
MONEY = decimals(0, 10_000, places=2).map(lambda amount: nodes.String(str(amount)))
CALLERS_FAULTS = {"INVALID_CURSOR", "NOT_FOUND", "VALIDATION_ERROR"}


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx2.Client]:
    with service.client(headers={**sign_in(service), "Accept": GRAPHQL}) as made:
        yield made


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="FUZZ_SEED" in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(query=from_schema(SCHEMA.as_str(), custom_scalars={"Decimal": MONEY}))
def test_no_operation_of_the_schema_is_the_services_fault(
    client: httpx2.Client, query: str
) -> None:
    response = send(client, query)
    assert response.status_code in {200, 400}, response.text
    assert set(codes(response)) <= CALLERS_FAULTS, response.text
    for error in errors(response):
        assert error["extensions"].keys() == {"code", "details", "request_id", "retryable"}
        assert error["extensions"]["request_id"] == response.headers["X-Request-ID"]
