"""The snapshot that answers requests, and the one place where it is replaced."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.gallery.gallery import Enrolled, Gallery, Templates
from app.vision.cohort import Cohort
from app.vision.embedder import Embedder
from app.vision.manifest import Manifest, per_comparison


@dataclass(frozen=True, slots=True)
class Serving:
    """Networks, gallery and thresholds of one space, which belong together.

    A request takes the current one at its start and uses it to the end, so that it never compares
    embeddings of two spaces. Another bundle means another `Serving`.

    Attributes:
        embedder: The bundle's networks.
        gallery: Templates made by these networks.
        false_accept_rate: The bundle's thresholds for this rate are used.
        default_threshold: Used if the bundle has none for a face's size.
        false_identification_rate: Instead of the rate per comparison, the share of strangers whom
            a search of the gallery may name; None for no such wish.
        follows_probe: Use the thresholds that follow each probe, if the bundle has them.
    """

    embedder: Embedder
    gallery: Gallery
    false_accept_rate: float
    default_threshold: float
    false_identification_rate: float | None = None
    follows_probe: bool = True

    @property
    def cohort(self) -> Cohort | None:
        """The strangers by whom thresholds follow each probe; None if they are the same for all."""
        return self.embedder.cohort if self.follows_probe else None

    @property
    def manifest(self) -> Manifest:
        """The manifest of the bundle that serves."""
        return self.embedder.bundle.manifest

    @property
    def space_id(self) -> str:
        """The space of every embedding and template here."""
        return self.embedder.bundle.space_id

    def threshold(
        self,
        face_px: float,
        probe: NDArray[np.float32] | None,
        template_px: int | None = None,
    ) -> float:
        """The similarity from which a face of this size counts as one of the gallery's.

        Args:
            face_px: Of the face.
            probe: (512,) its embedding; None for that of a usual face.
            template_px: The size of the templates that it is compared with; None: of no size.
        """
        chosen = partial(self.manifest.threshold, face_px, self.false_accept_rate, template_px)
        return self._threshold(chosen, face_px, probe, template_px)

    def usual_likeness(self, face_px: float, template_px: int | None = None) -> float | None:
        """The likeness to strangers that thresholds are written for; None if they follow nobody.

        Args:
            face_px: Of a face.
            template_px: See `threshold`.
        """
        if self.cohort is None:
            return None
        return self.manifest.usual_likeness(face_px, template_px)

    def raised_by(
        self,
        face_px: float,
        probes: NDArray[np.float32],
        template_px: int | None = None,
    ) -> NDArray[np.float32]:
        """How much higher the thresholds of faces are than that of a usual face.

        Args:
            face_px: Of the faces.
            probes: (..., 512) their embeddings.
            template_px: See `threshold`.

        Returns:
            (...,); zeros where thresholds follow nobody.
        """
        usual = self.usual_likeness(face_px, template_px)
        if self.cohort is None or usual is None:
            return np.zeros(probes.shape[:-1], np.float32)
        return self.cohort.likeness(probes) - np.float32(usual)

    def _threshold(
        self,
        chosen: Callable[[float | None], float | None],
        face_px: float,
        probe: NDArray[np.float32] | None,
        template_px: int | None,
    ) -> float:
        """What was chosen for this likeness to strangers, else for all probes, else by default."""
        likeness = self.usual_likeness(face_px, template_px)
        if likeness is not None and probe is not None and self.cohort is not None:
            likeness = float(self.cohort.likeness(probe))
        similarity = None if likeness is None else chosen(likeness)
        if similarity is None:
            similarity = chosen(None)
        if similarity is None:
            return self.default_threshold
        return min(1.0, max(-1.0, similarity))

    @property
    def rate_of_search(self) -> float:
        """The false-accept rate per comparison of a search of the gallery."""
        if self.false_identification_rate is None:
            return self.false_accept_rate
        return per_comparison(self.false_identification_rate, len(self.gallery))

    def search_threshold(
        self,
        face_px: float,
        probe: NDArray[np.float32] | None,
        template_px: int | None = None,
    ) -> float:
        """The similarity from which a face that was searched for is the best user's.

        Args:
            face_px: Of the face.
            probe: See `threshold`.
            template_px: Likewise.
        """
        if self.false_identification_rate is None:
            return self.threshold(face_px, probe, template_px)
        chosen = partial(self.manifest.threshold_at, face_px, self.rate_of_search, template_px)
        return self._threshold(chosen, face_px, probe, template_px)

    def template_px(self, sizes: Iterable[float]) -> int | None:
        """The size of the templates that faces, taken together, are compared with.

        Args:
            sizes: `face_px` of each face.

        Returns:
            None for templates of no size: where faces are large or of different sizes, and where
            bundle or gallery has none for them.
        """
        found = {self._template_px(face_px) for face_px in sizes}
        return found.pop() if len(found) == 1 else None

    def _template_px(self, face_px: float) -> int | None:
        for entry in self.manifest.thresholds:
            if entry.template_px in self.gallery.sizes and entry.is_for(
                face_px, self.false_accept_rate
            ):
                return entry.template_px
        return None


class Current:
    """Which serving answers from now on, and which one did before it.

    The former one's gallery keeps following the rows, so that a rollback finds it up to date.

    Args:
        serving: The first one.

    Attributes:
        serving: Requests take it once; replaced by one assignment.
        former: The one before, if its networks are still loaded.
        coming: The one to which another process is moving everybody, if it is loaded.
    """

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.former: Serving | None = None
        self.coming: Serving | None = None

    def switch(self, serving: Serving) -> None:
        """Makes requests take another serving from now on."""
        self.former, self.serving, self.coming = self.serving, serving, None

    def galleries(self) -> Iterator[tuple[str, Gallery]]:
        """Space and gallery; two bundles of one space share theirs."""
        told: set[str] = set()
        for each in (self.serving, self.former, self.coming):
            if each is not None and each.space_id not in told:
                told.add(each.space_id)
                yield each.space_id, each.gallery

    def follow(self, templates: Mapping[str, Templates], revision: int) -> None:
        """Applies one change of the rows to the galleries.

        Args:
            templates: By space, of the users whom the change is about. The gallery of a space that
                is missing here has to look into the rows.
            revision: The database's gallery revision that the change made.
        """
        for space_id, gallery in self.galleries():
            if space_id in templates:
                gallery.follow(templates[space_id], revision)

    def follow_user(self, user_id: str, templates: Mapping[str, Enrolled], revision: int) -> None:
        """Applies a change of one user: a template in some spaces, none in all others.

        Args:
            user_id: Whose.
            templates: By space.
            revision: The database's gallery revision that the change made.
        """
        for space_id, gallery in self.galleries():
            gallery.follow({user_id: templates.get(space_id)}, revision)
