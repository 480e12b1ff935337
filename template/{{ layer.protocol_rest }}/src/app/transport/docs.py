"""The OpenAPI document and the page that shows it, where they are switched on."""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response

from app.project import TITLE
from app.transport.openapi import serve_openapi

_CSP = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data: https://fastapi.tiangolo.com; "
    "script-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net; frame-ancestors 'none'"
)


def install(app: FastAPI) -> None:
    """Serve the document at `/openapi.json` and Swagger UI at `/docs`."""

    async def page(_request: Request) -> Response:
        html = get_swagger_ui_html(openapi_url="/openapi.json", title=TITLE)
        html.headers["Content-Security-Policy"] = _CSP
        return html

    serve_openapi(app)
    app.add_route("/docs", page, include_in_schema=False)
