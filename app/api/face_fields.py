"""Form fields of all that looks for faces: which photos, and which of their faces."""

from typing import Annotated

from fastapi import File, Form, UploadFile

from app.vision.detection import LARGEST_MIN_FACE_PX, MOST_FACES, SMALLEST_MIN_FACE_PX

Photos = Annotated[list[UploadFile], File(description="One or several")]
MaxFaces = Annotated[
    int, Form(ge=1, le=100, description="At most this many per photo, largest first")
]
SkipFaces = Annotated[
    int,
    Form(
        ge=0,
        le=MOST_FACES,
        description="Skip this many larger ones, such as those of earlier pages; up to faces_found",
    ),
]
Detect = Annotated[bool, Form(description="false: the photos are already aligned face crops")]
MinFacePx = Annotated[
    float | None,
    Form(
        ge=SMALLEST_MIN_FACE_PX,
        le=LARGEST_MIN_FACE_PX,
        description="The smallest face_px to look for. Default: a setting (16), raised for "
        "large photos, see searched_from_px. A value given here is kept, or refused for "
        "photos too large for it",
    ),
]
