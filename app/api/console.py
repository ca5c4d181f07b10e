"""`/console`: the web console, a few static files that speak the API like any other client.

The files are in memory, under an address that holds their digest: browsers keep them for good, and
another version is another address. Nothing is compiled; app/console has what is sent.
"""

import hashlib
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

_FILES = Path(__file__).parents[1] / "console"
_PAGE = "index.html"
# Python's own table differs from machine to machine.
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",  # photos that were chosen, and pictures in answers
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
_FOR_GOOD = "public, max-age=31536000, immutable"


def install(app: FastAPI) -> None:
    """Adds the addresses; `/` leads to the page."""
    files = {
        path.name: path.read_bytes() for path in sorted(_FILES.iterdir()) if path.name != _PAGE
    }
    digest = hashlib.sha256(b"".join(files.values())).hexdigest()[:16]
    scripts = "\n".join(
        f'<link rel="modulepreload" href="console/{digest}/{name}">'
        for name in files
        if name.endswith(".js")
    )
    # Relative addresses hold behind any FARSIGHT_ROOT_PATH.
    page = (_FILES / _PAGE).read_text(encoding="utf-8")
    page = page.replace("{digest}", digest).replace("{scripts}", scripts)

    async def lead(_request: Request) -> Response:
        return RedirectResponse("console")

    async def show(_request: Request) -> Response:
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        }
        return HTMLResponse(page, headers=headers)

    async def send_file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files or request.path_params["digest"] != digest:
            raise HTTPException(404)
        media_type = _MEDIA_TYPES[Path(name).suffix]
        return Response(files[name], media_type=media_type, headers={"Cache-Control": _FOR_GOOD})

    app.add_route("/", lead, include_in_schema=False)
    app.add_route("/console", show, include_in_schema=False)
    app.add_route("/console/{digest}/{name}", send_file, include_in_schema=False)
