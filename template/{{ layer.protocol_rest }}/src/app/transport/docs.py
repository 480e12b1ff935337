"""The OpenAPI document, and the pages that show it where they are switched on."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.auth.openapi import SECURITY_SCHEMES
from app.project import DESCRIPTION, TITLE, VERSION
from app.transport.versioning import VERSION_PARAMETERS, public_path
from app.transport.versions import CURRENT

_CSP = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data: https://fastapi.tiangolo.com; "
    "script-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net; frame-ancestors 'none'"
)


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, with paths as clients write them."""
    document = get_openapi(title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes)
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    paths = {}
    for path, item in document["paths"].items():
        if path.startswith(f"/{CURRENT}/"):
            for operation in item.values():
                operation.setdefault("parameters", []).extend(VERSION_PARAMETERS)
            paths[public_path(path)] = item
        else:
            paths[path] = item
    document["paths"] = paths
    return document


def install(app: FastAPI) -> None:
    """Serve the document at `/openapi.json` and Swagger UI at `/docs`."""

    async def document(_request: Request) -> Response:
        return JSONResponse(openapi(app))

    async def page(_request: Request) -> Response:
        html = get_swagger_ui_html(openapi_url="/openapi.json", title=TITLE)
        html.headers["Content-Security-Policy"] = _CSP
        return html

    app.add_route("/openapi.json", document, include_in_schema=False)
    app.add_route("/docs", page, include_in_schema=False)
