"""Answers about faces; see farsight_client.answers."""

import msgspec

from farsight_client.answers import Answer, Box, Candidate, PhotoWarning, Quality


class Face(Answer, frozen=True):
    """One face of a photo.

    Attributes:
        box: Where it is.
        landmarks: Left eye, right eye, nose, left and right mouth corner; image left first; px.
        face_px: Source pixels under the side of the aligned crop.
        route: `direct` or `dsr`.
        quality: The crop's quality.
    """

    box: Box
    landmarks: list[tuple[float, float]]
    face_px: float
    route: str
    quality: Quality


class Decision(Answer, frozen=True):
    """Whose face it is.

    Attributes:
        user_id: None for a stranger.
        similarity: Cosine to the most similar user; None if nobody is registered.
        margin: How much lower the runner-up's similarity is; None if there is none.
        threshold: Minimum similarity at which `user_id` is set; higher for a face that resembles
            strangers, where the bundle knows them.
        candidates: As many as `top_k` asks for, best first.
    """

    user_id: str | None
    similarity: float | None
    margin: float | None
    threshold: float
    candidates: list[Candidate]


class Pooled(Decision, frozen=True, kw_only=True):
    """Whose face several photos show together.

    Attributes:
        consistent: False: the photos are not all of one person, and `user_id` is None unless the
            margin is wide.
        outliers: Photos that show somebody else than most, by their place in the request; all of
            them if no person is in more than half.
    """

    consistent: bool = True
    outliers: list[int] = msgspec.field(default_factory=list)


class IdentifiedFace(Face, frozen=True, kw_only=True):
    """A face and whose it is; the last five fields are those of `Decision`.

    Attributes:
        photo: The photo's place in the request, from 0.
    """

    photo: int
    user_id: str | None
    similarity: float | None
    margin: float | None
    threshold: float
    candidates: list[Candidate]


class PhotoError(Answer, frozen=True):
    """Why a photo was not searched: `unreadable_image` or `image_too_large`, and a sentence."""

    code: str
    detail: str


class SearchedPhoto(Answer, frozen=True):
    """A photo of the request, and how it was searched; without figures if it was not.

    Attributes:
        width_px: Of the photo that boxes and landmarks refer to.
        height_px: Likewise.
        rotation_deg: 0, 90, 180 or 270: turn the photo clockwise by this, and its faces are
            upright. Boxes and landmarks refer to the photo as it is, not turned.
        searched_from_px: The smallest `face_px` looked for; None with `detect=False`.
        faces_found: Including those before `skip_faces` and beyond `max_faces`.
        warnings: Faults; the photo was used all the same.
        error: Why it was not searched; the faces are those of the other photos.
    """

    width_px: int | None
    height_px: int | None
    rotation_deg: int | None
    searched_from_px: float | None
    faces_found: int | None
    warnings: list[PhotoWarning]
    error: PhotoError | None


class PhotoFace(Face, frozen=True):
    """A face, and the place of its photo in the request, from 0."""

    photo: int


class Faces(Answer, frozen=True):
    """The faces of some photos: by photo, largest first."""

    faces: list[PhotoFace]
    photos: list[SearchedPhoto]
    timings_ms: dict[str, float]


class PicturedFace(PhotoFace, frozen=True):
    """A face as the networks see it: PNG in base64, 112 x 112 px.

    Attributes:
        crop: Aligned.
        restored: What DSR makes of it; None if the bundle has no DSR.
    """

    crop: str
    restored: str | None


class Pictures(Answer, frozen=True):
    """The faces of a photo as the networks see them, largest first."""

    faces: list[PicturedFace]
    photos: list[SearchedPhoto]
    timings_ms: dict[str, float]


class EmbeddedFace(PhotoFace, frozen=True):
    """A face, and its embedding: 512 numbers, of unit length."""

    embedding: list[float]


class Embeddings(Answer, frozen=True):
    """The faces of some photos as vectors, to be compared only with others of this space."""

    faces: list[EmbeddedFace]
    photos: list[SearchedPhoto]
    bundle: str
    space: str
    timings_ms: dict[str, float]


class Visit(Answer, frozen=True):
    """Somebody in consecutive frames, from the first to the last.

    Attributes:
        track: The visit's number.
        at_s: When; of a visit that has ended, when the face was last seen: seconds of a clip or
            camera, else a photo's place in the request.
        since_s: When it was first seen.
        user_id: None for a stranger, and before this is decided.
        similarity: Cosine to the most similar user.
        margin: How much lower the runner-up's similarity is.
        threshold: Minimum similarity at which `user_id` is set.
        box: Where the face was last seen.
        face_px: The largest so far.
        moved: How far the face has been from where it was first seen, in its widths.
        frames_seen: In how many frames.
        frames_pooled: How many of them, the best, the answer is about.
    """

    track: int
    at_s: float
    since_s: float
    user_id: str | None
    similarity: float | None
    margin: float | None
    threshold: float | None
    box: Box
    face_px: float
    moved: float
    frames_seen: int
    frames_pooled: int


class Clip(Answer, frozen=True):
    """Who passes in a clip: visits, the frames looked at, and when the last of them is."""

    visits: list[Visit]
    frames: int
    seconds: float
    bundle: str
    space: str


class Identification(Answer, frozen=True):
    """Who is in the photos.

    Attributes:
        faces: By photo, largest first.
        faces_found: Including those before `skip_faces` and beyond `max_faces`.
        photos: In the request's order.
        pooled: With `same_person`: the answer for all photos together.
        visits: With `frames_of="video"`: everybody once.
        bundle: The weights that answered.
        space: The id of their space.
        timings_ms: Per stage.
    """

    faces: list[IdentifiedFace]
    faces_found: int
    photos: list[SearchedPhoto]
    pooled: Pooled | None
    bundle: str
    space: str
    timings_ms: dict[str, float]
    visits: list[Visit] | None = None


class Verification(Answer, frozen=True):
    """Whether two faces are one person's: `match` if the similarity reaches the threshold.

    `faces` has the largest of each photo; in the order in which the photos are named.
    """

    match: bool
    similarity: float
    threshold: float
    faces: list[Face]
    photos: list[SearchedPhoto]
    bundle: str
    space: str
    timings_ms: dict[str, float]
