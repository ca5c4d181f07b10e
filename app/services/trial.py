"""What a registration would say of photos, before anybody decides to register."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.gallery.gallery import Groups, Match
from app.recognition.serving import Serving
from app.services.face_choice import ANY_FACE, FaceChoice
from app.services.photo_review import PhotoReview
from app.services.reviewed_photo import PhotoReport, Upload, usable_photos
from app.services.search import Search
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import mean_embedding

_MOST_NEAR_USERS = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of photos that somebody may register a person from.

    Attributes:
        photos: Reports in the request's order.
        min_photos: Usable photos that a new user needs.
        duplicate_of: Whose face it is already: a registration would be refused.
        near_users: Others who may be mistaken for this person, most similar first.
    """

    photos: list[PhotoReport]
    min_photos: int
    duplicate_of: Match | None
    near_users: list[Match]


class Trial:
    """Judges photos by the rules of a registration, and stores nothing.

    Args:
        review: Judges photos one by one.
        search: Where users with the same face are looked for.
        min_photos: As for Registration.
        duplicate_similarity: From this similarity on, a new template is an existing user's.
    """

    def __init__(
        self,
        review: PhotoReview,
        search: Search,
        *,
        min_photos: int,
        duplicate_similarity: float,
    ) -> None:
        self._review = review
        self._search = search
        self._min_photos = min_photos
        self._duplicate_similarity = duplicate_similarity

    async def judge(
        self,
        serving: Serving,
        uploads: Sequence[Upload],
        *,
        detect: bool = True,
        choice: FaceChoice = ANY_FACE,
        among: Groups | None = None,
    ) -> Verdict:
        """Judges photos of one person.

        Args:
            serving: The one that the request has taken.
            uploads: Photos that show this person.
            detect: False where the photos are already face crops.
            choice: Which face is meant in photos that show several.
            among: Name only users who are in one of these groups; None: all.

        Raises:
            TooManyPhotosError: See PhotoReview.review, as for the other errors about photos.
        """
        reviewed = await self._review.review_new(serving, uploads, detect=detect, choice=choice)
        usable = usable_photos(reviewed)
        near: list[Match] = []
        named: list[Match] = []
        if usable:
            template = mean_embedding([each.embedding for each in usable])
            (near,) = await self._search.best(serving, [template], _MOST_NEAR_USERS, among)
            threshold = serving.search_threshold(CROP_SIZE_PX, template)
            named = [match for match in near if match.similarity >= threshold]
        taken = near[:1] if near and near[0].similarity >= self._duplicate_similarity else []
        return Verdict(
            [photo.report() for photo in reviewed],
            self._min_photos,
            taken[0] if taken else None,
            named,
        )
