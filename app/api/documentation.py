"""`/openapi.json` and `/docs`: what the API is, for programs and for people.

FastAPI's own routes write the description anew for whoever asks, milliseconds in which nobody else
is answered.
"""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_DESCRIPTION = "/openapi.json"


def install(app: FastAPI) -> None:
    """Adds both addresses; the description is written once."""
    written: list[bytes] = []

    async def describe(_request: Request) -> Response:
        if not written:
            written.append(bytes(JSONResponse(app.openapi()).body))
        return Response(written[0], media_type="application/json")

    async def show(_request: Request) -> Response:
        return get_swagger_ui_html(openapi_url=_DESCRIPTION, title=app.title)

    app.add_route(_DESCRIPTION, describe, include_in_schema=False)
    app.add_route("/docs", show, include_in_schema=False)
