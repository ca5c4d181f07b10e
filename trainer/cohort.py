"""The strangers that a bundle publishes: means of their embeddings, and where they come from."""

from dataclasses import dataclass
from pathlib import Path

from app.vision.alignment import Crop
from app.vision.bundle import weight_file
from app.vision.cohort import Cohort, pack_cohort, read_cohort
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder
from app.vision.manifest import Cohort as CohortEntry
from trainer.crops import load_crops

COHORT_NAME = "cohort.safetensors"


@dataclass(frozen=True, slots=True)
class Strangers:
    """A cohort for a bundle.

    Attributes:
        content: Of its file.
        entry: In the manifest.
    """

    content: bytes
    entry: CohortEntry

    def cohort(self) -> Cohort:
        """As the service reads it."""
        return read_cohort(self.content)


def cohort_of(folder: Path, source: str, embedder: Embedder) -> Strangers:
    """A cohort of the people in a folder of sharp aligned crops.

    Args:
        folder: One photo of each person.
        source: Whose faces these are, and their licence.
        embedder: The bundle's networks.

    Raises:
        BundleError: There are fewer than ten.
        DataError: See load_crops.
    """
    read = load_crops(unnamed_dirs=[folder])
    crops = [Crop(pixels, float(CROP_SIZE_PX)) for pixels in read.pixels]
    content = pack_cohort(embedder.embed(crops)[0])
    entry = CohortEntry(means=weight_file(COHORT_NAME, content), source=source)
    return Strangers(content, entry)
