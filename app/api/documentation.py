"""`/openapi.json` and `/docs`: what the API is, for programs and for people.

FastAPI's own routes write the document anew per request, milliseconds in which nobody else is
answered; and its page loads Swagger UI from another host, which a service on a network of its own
does not reach.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

_DOCUMENT = "/openapi.json"
_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'"
)
_UI = Path(str(files("fastapi_offline"))) / "static"
# Relative addresses hold behind any FARSIGHT_ROOT_PATH.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Farsight API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = b"""\
SwaggerUIBundle({
  url: "openapi.json", dom_id: "#ui", deepLinking: true, layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
"""


def install(app: FastAPI) -> None:
    """Adds the addresses; the document is written once."""
    written: list[bytes] = []

    async def describe(_request: Request) -> Response:
        if not written:
            written.append(bytes(JSONResponse(app.openapi()).body))
        return Response(written[0], media_type="application/json")

    async def show(_request: Request) -> Response:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _CONTENT_SECURITY_POLICY})

    async def start(_request: Request) -> Response:
        return Response(_START, media_type="text/javascript")

    async def send_file(request: Request) -> Response:
        return FileResponse(_UI / request.url.path.rpartition("/")[2])

    app.add_route(_DOCUMENT, describe, include_in_schema=False)
    app.add_route("/docs", show, include_in_schema=False)
    app.add_route("/docs/start.js", start, include_in_schema=False)
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        app.add_route(f"/docs/{name}", send_file, include_in_schema=False)
