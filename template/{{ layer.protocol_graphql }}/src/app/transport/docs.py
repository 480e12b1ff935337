"""What explores the schema, and tells of the rest, where it is switched on."""

import json

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.auth.openapi import SECURITY_SCHEMES
from app.http.routing import NamedRoute
from app.project import TITLE
from app.transport.openapi import serve_openapi

_CSP = (
    "default-src 'none'; connect-src 'self'; font-src data:; img-src 'self' data:; "
    "script-src 'unsafe-inline' https://unpkg.com; style-src 'unsafe-inline' https://unpkg.com; "
    "frame-ancestors 'none'"
)
_SCRIPTS = {
    "react@18.2.0/umd/react.production.min.js": (
        "sha384-tMH8h3BGESGckSAVGZ82T9n90ztNXxvdwvdM6UoR56cYcf+0iGXBliJ29D+wZ/x8"
    ),
    "react-dom@18.2.0/umd/react-dom.production.min.js": (
        "sha384-bm7MnzvK++ykSwVJ2tynSE5TRdN+xL418osEVF2DE/L/gfWHj91J2Sphe582B1Bh"
    ),
    "graphiql@3.8.3/graphiql.min.js": (
        "sha384-HbRVEFG0JGJZeAHCJ9Xm2+tpknBQ7QZmNlO/DgZtkZ0aJSypT96YYGRNod99l9Ie"
    ),
}
_STYLE = (
    "graphiql@3.8.3/graphiql.min.css",
    "sha384-Mq3vbRBY71jfjQAt/DcjxUIYY33ksal4cgdRt9U/hNPvHBCaT2JfJ/PTRiPKf0aM",
)
_HEADERS = {
    scheme["name"]: "…" for scheme in SECURITY_SCHEMES.values() if scheme.get("in") == "header"
} or {"Authorization": "Bearer …"}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
{links}
<style>body {{ margin: 0; }} #graphiql {{ height: 100vh; }}</style>
</head>
<body>
<div id="graphiql">Loading…</div>
<script>
const fetcher = GraphiQL.createFetcher({{
  url: "/graphql",
  subscriptionUrl: location.origin.replace(/^http/, "ws") + "/graphql",
}});
const page = React.createElement(GraphiQL, {{
  fetcher,
  defaultHeaders: '{headers}',
  defaultEditorToolsVisibility: "headers",
}});
ReactDOM.createRoot(document.getElementById("graphiql")).render(page);
</script>
</body>
</html>
"""


def _page() -> str:
    source = "https://unpkg.com/"
    name, digest = _STYLE
    links = [f'<link rel="stylesheet" crossorigin href="{source}{name}" integrity="{digest}">']
    links += [
        f'<script crossorigin src="{source}{name}" integrity="{digest}"></script>'
        for name, digest in _SCRIPTS.items()
    ]
    headers = json.dumps(_HEADERS, ensure_ascii=False)
    return _PAGE.format(title=TITLE, links="\n".join(links), headers=headers)


def install(app: FastAPI) -> None:
    """Serve GraphiQL at `/docs`, and what stays HTTP at `/openapi.json`."""
    html = _page()

    async def page(_request: Request) -> Response:
        return HTMLResponse(html, headers={"Content-Security-Policy": _CSP})

    app.router.routes.append(NamedRoute("/docs", page))
    serve_openapi(app)
