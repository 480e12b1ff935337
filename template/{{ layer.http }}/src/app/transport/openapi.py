"""The OpenAPI document of what is answered by HTTP."""

import json
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from app.auth.openapi import SECURITY_SCHEMES
from app.project import DESCRIPTION, TITLE, VERSION
from app.transport.conditions import public_document
from app.transport.versioning import describe_version, public_path
from app.transport.versions import CURRENT

_LENGTHS = {"uuid": 36, "date-time": 35}


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, with paths as clients write them."""
    document = get_openapi(title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes)
    components = document["components"]
    components["securitySchemes"] = SECURITY_SCHEMES
    components["responses"] = {}
    paths = {}
    for path, item in document["paths"].items():
        versioned = path.startswith(f"/{CURRENT}/")
        paths[public_path(path) if versioned else path] = item
        for operation in item.values():
            if versioned:
                describe_version(operation)
            _share_errors(operation["responses"], components["responses"])
    document["paths"] = paths
    _bound(document)
    return document


def _share_errors(responses: dict[str, Any], shared: dict[str, Any]) -> None:
    """Write the error response of each status once, for all operations."""
    for status, response in responses.items():
        if status >= "400":
            shared[f"Error{status}"] = response
            responses[status] = {"$ref": f"#/components/responses/Error{status}"}


def _bound(node: Any) -> None:
    """Add the sizes that follow from a format or a range, which pydantic leaves out."""
    if isinstance(node, list):
        for part in node:
            _bound(part)
    elif isinstance(node, dict):
        if node.get("type") == "string" and node.get("format") in _LENGTHS:
            node.setdefault("maxLength", _LENGTHS[node["format"]])
        elif node.get("type") == "integer":
            node.setdefault("format", "int32" if node.get("maximum", 2**31) < 2**31 else "int64")
        for part in node.values():
            _bound(part)


def serve_openapi(app: FastAPI) -> None:
    """Serve the document at `/openapi.json`."""

    @cache
    def text() -> bytes:
        return json.dumps(openapi(app), ensure_ascii=False).encode()

    async def document(request: Request) -> Response:
        return public_document(text(), request.headers.get("if-none-match"))

    app.add_route("/openapi.json", document, include_in_schema=False)
