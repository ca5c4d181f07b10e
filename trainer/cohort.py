"""The strangers that a bundle publishes: means of their embeddings, and where they come from."""

from dataclasses import dataclass
from pathlib import Path

from app.vision.alignment import Crop
from app.vision.bundle import weight_file
from app.vision.cohort import FEWEST_STRANGERS, Cohort, pack_cohort, read_cohort
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder
from app.vision.manifest import CohortEntry
from trainer.crops import CropSet, load_crops
from trainer.errors import DataError

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


def load_strangers(folder: Path, held_out: CropSet, *, skip_unreadable: bool = False) -> CropSet:
    """Sharp aligned crops of strangers.

    Args:
        folder: One photo of each person.
        held_out: People on whom thresholds are chosen: none of them may be a stranger.
        skip_unreadable: See load_crops.

    Raises:
        DataError: There are fewer than ten, or a photo of the people held out; see load_crops.
    """
    found = load_crops(unnamed_dirs=[folder], skip_unreadable=skip_unreadable)
    if len(found) < FEWEST_STRANGERS:
        raise DataError(f"--cohort {folder} has {len(found)} photos, not {FEWEST_STRANGERS}.")
    if known := set(found.digests) & set(held_out.digests):
        raise DataError(f"{len(known)} photos of --cohort are in --val-dir too.")
    return found


def cohort_of(strangers: CropSet, source: str, embedder: Embedder) -> Strangers:
    """A cohort of some people.

    Args:
        strangers: See load_strangers.
        source: Whose faces these are, and their licence.
        embedder: The bundle's networks.
    """
    crops = [Crop(pixels, float(CROP_SIZE_PX)) for pixels in strangers.pixels]
    content = pack_cohort(embedder.embed(crops)[0])
    entry = CohortEntry(means=weight_file(COHORT_NAME, content), source=source)
    return Strangers(content, entry)
