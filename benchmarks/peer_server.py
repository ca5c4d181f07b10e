"""A plain recognition server around any recogniser, with the part of Farsight's API that is used.

This is what people write first: one handler, run in the framework's threads, everything in memory.
"""

from io import BytesIO
from typing import Annotated, Any, Protocol

import numpy as np
import uvicorn
from fastapi import FastAPI, Form, HTTPException, UploadFile
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]
Embedding = NDArray[np.floating[Any]]


class Peer(Protocol):
    """What finds faces and tells them apart."""

    def faces(self, photo: NDArray[np.uint8]) -> list[tuple[Box, Embedding]]:
        """Boxes (x, y, width, height; px) and embeddings of all faces in an RGB photo."""

    def nearest(self, embedding: Embedding, known: Embedding) -> int | None:
        """The row of `known` that shows the same person; None if there is none."""


def serve(peer: Peer, port: int) -> None:
    """Answers until the process is ended."""
    app = FastAPI()
    people: list[str] = []
    embeddings: list[Embedding] = []

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/users")
    def register(user_id: Annotated[str, Form()], photos: list[UploadFile]) -> dict[str, Any]:
        reports = []
        for photo in photos:
            faces = peer.faces(_pixels(photo))
            if len(faces) == 1:
                people.append(user_id)
                embeddings.append(faces[0][1])
            reports.append({"accepted": len(faces) == 1, "reason": f"{len(faces)} faces"})
        return {"photos": reports}

    @app.post("/v1/identify")
    def identify(photos: list[UploadFile]) -> dict[str, Any]:
        if len(photos) != 1:
            raise HTTPException(422, "One photo, please.")
        faces = []
        for (x, y, width, height), embedding in peer.faces(_pixels(photos[0])):
            row = peer.nearest(embedding, np.array(embeddings)) if embeddings else None
            faces.append(
                {
                    "box": {"x": x, "y": y, "width": width, "height": height},
                    "user_id": None if row is None else people[row],
                }
            )
        return {"faces": faces}

    uvicorn.run(app, port=port, log_level="warning")


def _pixels(photo: UploadFile) -> NDArray[np.uint8]:
    return np.array(Image.open(BytesIO(photo.file.read())).convert("RGB"))
