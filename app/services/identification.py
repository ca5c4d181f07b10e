"""Identification: who is in a photo, and are two faces one person."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.errors import (
    NoFaceError,
    UnusablePhotoError,
    UserNotFoundError,
)
from app.metrics import Metrics
from app.observability import Stopwatch
from app.recognition.decision import decide, how_many, strictest_threshold, template_px_of
from app.recognition.inference import Inference
from app.recognition.recognizer import Finding, FoundFace
from app.recognition.serving import Serving
from app.services.identified import (
    FacesOfPhotos,
    FacesShown,
    Identification,
    IdentifiedFace,
    Pooled,
    Verification,
    Wishes,
)
from app.services.keeping import Keeping
from app.services.photo_comparison import outliers
from app.services.reviewed_photo import refuse_too_many
from app.services.search import MemorySearch, Search
from app.services.track_search import deciding
from app.tracking.events import Event, EventKind
from app.tracking.rules import DEFAULT_RULES
from app.tracking.sighting import Sighting
from app.tracking.tracker import Tracker
from app.vision.dimensions import EMBEDDING_SIZE
from app.vision.embedder import mean_embedding

# Frames less alike than this are not of one person; the runner-up that frames of two people have
# between them is mostly closer than this margin (docs/decisions/0036).
_SAME_PERSON_SIMILARITY = 0.2
_MIXED_MARGIN = 0.3


class Identifier:
    """Finds out who is in photos.

    Args:
        inference: Where photos are recognised.
        max_photos: Photos in one request.
        metrics: Where decisions are counted.
        search: Where users are looked for.
        keeping: Keeps faces for review; None where none are kept.
    """

    def __init__(
        self,
        inference: Inference,
        max_photos: int,
        metrics: Metrics | None = None,
        search: Search | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        self._keeping = keeping
        self._search = search or MemorySearch()
        self._metrics = metrics or Metrics()
        self._inference = inference
        self._max_photos = max_photos

    async def identify(
        self, serving: Serving, photos: Sequence[bytes], wishes: Wishes
    ) -> Identification:
        """Identifies every face of every photo.

        With `same_person` the largest face of every photo counts, and `pooled` answers for their
        mean embedding, of unit length, at the strictest of their thresholds, and tells which of
        them are somebody else's. Photos that cannot be searched are reported; the others suffice.

        Raises:
            InvalidRequestError: See Recognizer.find.
            TooManyPhotosError: More photos than the limit.
            UnreadableImageError: None of the photos can be searched, the first one because of this;
                `facts["photo"]` is its place in the request.
            ImageTooLargeError: Likewise.
            OverloadedError: See Inference.admit.
            DeadlineExceededError: See Inference.admit.
        """
        if wishes.same_person:
            wishes = replace(wishes, max_faces=1, skip_faces=0)
        found = await self.find_faces(photos, wishes, serving)
        stopwatch = Stopwatch()
        with stopwatch.stage("search"):
            faces, pooled = await self._decide(serving, found, wishes)
        self._count(serving, faces, stopwatch)
        if self._keeping is not None:
            self._keeping.keep(serving, faces, found.embeddings, wishes.groups)
        return Identification(
            faces,
            sum(photo.faces_found for photo in found.photos if isinstance(photo, Finding)),
            found.photos,
            pooled,
            await self._visits(serving, found, wishes) if wishes.of_video else None,
            found.timings_ms | stopwatch.timings_ms,
        )

    async def find_faces(
        self, photos: Sequence[bytes], wishes: Wishes, serving: Serving | None = None
    ) -> FacesOfPhotos:
        """Every photo's faces, embedded where a serving is given; errors as for `identify`."""
        refuse_too_many(len(photos), self._max_photos)
        stopwatch = Stopwatch()
        searched: list[Finding | UnusablePhotoError] = []
        found: list[tuple[int, FoundFace]] = []
        embeddings = np.empty((0, EMBEDDING_SIZE), np.float32)
        async with self._inference.admit():
            for index, photo in enumerate(photos):
                try:
                    finding = await self._find(index, photo, wishes)
                except UnusablePhotoError as error:
                    self._metrics.judged([error.code])
                    searched.append(error)
                    continue
                searched.append(finding)
                found += [(index, face) for face in finding.faces]
                stopwatch.add(finding.timings_ms)
            if isinstance(searched[0], UnusablePhotoError) and all(
                isinstance(of, UnusablePhotoError) for of in searched
            ):
                raise searched[0]
            if serving is not None:
                with stopwatch.stage("embed"):
                    crops = [face.crop for _, face in found]
                    embeddings = await self._inference.embed(crops, serving.embedder)
        return FacesOfPhotos(found, embeddings, searched, stopwatch.timings_ms)

    async def show_faces(self, serving: Serving, photo: bytes, wishes: Wishes) -> FacesShown:
        """A photo's faces as the networks see them; errors as for `identify`."""
        stopwatch = Stopwatch()
        async with self._inference.admit():
            finding = await self._find(0, photo, wishes)
            stopwatch.add(finding.timings_ms)
            with stopwatch.stage("restore"):
                restored = [
                    await self._inference.restore(face.crop, serving.embedder)
                    for face in finding.faces
                ]
        return FacesShown(finding, restored, stopwatch.timings_ms)

    async def verify_user(
        self, serving: Serving, photo: bytes, user_id: str, threshold: float | None
    ) -> Verification:
        """Whether the largest face of a photo is a user's.

        Raises:
            UserNotFoundError: There is no such user.
            NoFaceError: The photo shows no face.
            UnreadableImageError: `facts["photo"]` is 0 for `photo`, 1 for `other_photo`; as for the
                other errors about photos.
        """
        if await self._search.template(serving, user_id) is None:
            raise _not_found(user_id)
        findings, embeddings, timings_ms = await self._largest_faces(serving, [photo])
        faces = _largest(findings)
        template_px = template_px_of(serving, faces)
        template = await self._search.template(serving, user_id, template_px)
        if template is None:  # erased meanwhile
            raise _not_found(user_id)
        wanted = strictest_threshold(serving, faces, embeddings, threshold, template_px)
        return _compare(findings, embeddings[0], template, wanted, timings_ms)

    async def verify_embedding(
        self,
        serving: Serving,
        photo: bytes,
        embedding: NDArray[np.float32],
        threshold: float | None,
    ) -> Verification:
        """Whether the largest face of a photo is that of an embedding in the serving's space.

        Raises:
            NoFaceError: The photo shows no face.
            UnreadableImageError: See verify_photos.
        """
        findings, embeddings, timings_ms = await self._largest_faces(serving, [photo])
        wanted = strictest_threshold(serving, _largest(findings), embeddings, threshold)
        return _compare(findings, embeddings[0], embedding, wanted, timings_ms)

    async def verify_photos(
        self, serving: Serving, photo: bytes, other_photo: bytes, threshold: float | None
    ) -> Verification:
        """Whether the largest faces of two photos are one person's.

        Raises:
            NoFaceError: A photo shows no face.
            UnreadableImageError: `facts["photo"]` is 0 for `photo`, 1 for `other_photo`; as for the
                other errors about photos.
        """
        findings, embeddings, timings_ms = await self._largest_faces(serving, [photo, other_photo])
        wanted = strictest_threshold(serving, _largest(findings), embeddings, threshold)
        first, second = embeddings
        return _compare(findings, first, second, wanted, timings_ms)

    async def _decide(
        self, serving: Serving, found: FacesOfPhotos, wishes: Wishes
    ) -> tuple[list[IdentifiedFace], Pooled | None]:
        """Whose each face is, and whose they are together, if that was asked for."""
        # The faces that count as one: each by itself, then all of them.
        together = [[place] for place in range(len(found.faces))]
        is_pooled = wishes.same_person and bool(found.faces)
        if is_pooled:
            together.append(list(range(len(found.faces))))
        probes = [mean_embedding(found.embeddings[places]) for places in together]
        sizes = [
            template_px_of(serving, [found.faces[place][1] for place in places])
            for places in together
        ]
        matches = await self._search.best(
            serving, probes, how_many(wishes.top_k), wishes.groups, sizes
        )
        decisions = [
            decide(
                serving,
                [found.faces[place][1] for place in places],
                probe,
                theirs,
                threshold=wishes.threshold,
                top_k=wishes.top_k,
            )
            for places, probe, theirs in zip(together, probes, matches, strict=True)
        ]
        identified = [
            IdentifiedFace(index, face, decision)
            for (index, face), decision in zip(found.faces, decisions, strict=False)
        ]
        if not is_pooled:
            return identified, None
        pooled = decisions[-1]
        photos = [photo for photo, _ in found.faces]
        strange = [photos[row] for row in outliers(found.embeddings, _SAME_PERSON_SIMILARITY)]
        if strange and (pooled.margin is None or pooled.margin < _MIXED_MARGIN):
            pooled = replace(pooled, user_id=None)
        return identified, Pooled(pooled, strange)

    async def _visits(self, serving: Serving, found: FacesOfPhotos, wishes: Wishes) -> list[Event]:
        tracker = Tracker(
            deciding(self._search, serving, wishes.threshold, wishes.groups),
            replace(DEFAULT_RULES, min_frames=1, fastest_faces_per_s=math.inf),
        )
        events: list[Event] = []
        for photo in range(len(found.photos)):
            sightings = [
                Sighting(photo, face.face.box, embedding, face.quality)
                for (index, face), embedding in zip(found.faces, found.embeddings, strict=True)
                if index == photo
            ]
            events += await tracker.see(photo, sightings)
        events += await tracker.end()
        return [each for each in events if each.kind is EventKind.LEFT]

    def _count(
        self, serving: Serving, faces: Sequence[IdentifiedFace], stopwatch: Stopwatch
    ) -> None:
        self._metrics.spent(stopwatch.timings_ms)
        for each in faces:
            self._metrics.decided(
                each.face.crop.face_px,
                serving.manifest.name,
                each.decision.similarity,
                is_named=each.decision.user_id is not None,
            )

    async def _find(self, index: int, photo: bytes, wishes: Wishes) -> Finding:
        try:
            return await self._inference.find(
                photo,
                max_faces=wishes.max_faces,
                skip_faces=wishes.skip_faces,
                detect=wishes.detect,
                min_face_px=wishes.min_face_px,
            )
        except UnusablePhotoError as error:
            error.facts["photo"] = index
            raise

    async def _largest_faces(
        self, serving: Serving, photos: Sequence[bytes]
    ) -> tuple[list[Finding], NDArray[np.float32], dict[str, float]]:
        """What was found in each photo, a face at least, and the embedding of the largest."""
        stopwatch = Stopwatch()
        findings = []
        async with self._inference.admit():
            for index, photo in enumerate(photos):
                finding = await self._find(index, photo, Wishes(max_faces=1))
                if not finding.faces:
                    raise NoFaceError(
                        f"Photo {index} shows none. Send one that shows the whole face from the "
                        "front.",
                        photo=index,
                    )
                findings.append(finding)
                stopwatch.add(finding.timings_ms)
            with stopwatch.stage("embed"):
                crops = [finding.faces[0].crop for finding in findings]
                embeddings = await self._inference.embed(crops, serving.embedder)
        return findings, embeddings, stopwatch.timings_ms


def _not_found(user_id: str) -> UserNotFoundError:
    return UserNotFoundError(f"Nobody is registered as {user_id!r}.", user_id=user_id)


def _largest(findings: Sequence[Finding]) -> list[FoundFace]:
    return [finding.faces[0] for finding in findings]


def _compare(
    findings: list[Finding],
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    threshold: float,
    timings_ms: dict[str, float],
) -> Verification:
    similarity = float(first @ second)
    match = similarity >= threshold
    return Verification(match, similarity, threshold, _largest(findings), findings, timings_ms)
