"""The OpenAPI document, where it is served."""

import httpx2


def test_the_document_may_be_cached(anonymous: httpx2.Client) -> None:
    document = anonymous.get("/openapi.json")
    assert document.json()["openapi"].startswith("3.1")
    assert document.headers["Content-Type"] == "application/json"
    assert document.headers["Cache-Control"] == "public, max-age=300"
    assert document.headers["Vary"] == "Accept"
    again = anonymous.get("/openapi.json", headers={"If-None-Match": document.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
