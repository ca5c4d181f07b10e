"""Form fields of all that looks for faces: which photos, and which of their faces."""

from typing import Annotated

from fastapi import File, Form, UploadFile

from app.vision.detection import LARGEST_MIN_FACE_PX, MOST_FACES, SMALLEST_MIN_FACE_PX

Photos = Annotated[list[UploadFile], File(description="One or several; each is answered")]
MaxFaces = Annotated[
    int, Form(ge=1, le=100, description="At most this many of a photo, largest first")
]
SkipFaces = Annotated[
    int,
    Form(
        ge=0,
        le=MOST_FACES,
        description="This many larger ones are passed over: those of the pages before, up to "
        "faces_found",
    ),
]
Detect = Annotated[bool, Form(description="false: the photos are aligned face crops already")]
MinFacePx = Annotated[
    float | None,
    Form(
        ge=SMALLEST_MIN_FACE_PX,
        le=LARGEST_MIN_FACE_PX,
        description="The smallest face_px that is looked for. Default: a setting, 16; more in "
        "large photos, see searched_from_px. One that is given is kept to, or refused for "
        "photos too large for it",
    ),
]
