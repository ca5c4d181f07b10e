"""The snapshot that answers requests."""

from dataclasses import dataclass

from app.runtime.gallery import Gallery
from app.vision.embedder import Embedder
from app.vision.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Serving:
    """Networks, gallery and thresholds of one space, which belong together.

    A request takes the current one at its start and uses it to the end, so that it never compares
    embeddings of two spaces. Another bundle means another `Serving`.

    Attributes:
        embedder: The bundle's networks.
        gallery: Templates made by these networks.
        false_accept_rate: The bundle's thresholds for this rate are used.
        default_threshold: Used where the bundle has none for a face's size.
    """

    embedder: Embedder
    gallery: Gallery
    false_accept_rate: float
    default_threshold: float

    @property
    def manifest(self) -> Manifest:
        """The manifest of the bundle that serves."""
        return self.embedder.bundle.manifest

    @property
    def space_id(self) -> str:
        """The space of every embedding and template here."""
        return self.embedder.bundle.space_id

    def threshold(self, face_px: float) -> float:
        """The similarity from which a face of this size counts as one of the gallery's."""
        chosen = self.manifest.threshold(face_px, self.false_accept_rate)
        return self.default_threshold if chosen is None else chosen
