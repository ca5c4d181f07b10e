"""Validation on people not trained on: can they still be told apart, at every size?"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from app.evaluation.all_pairs import AllPairs
from app.evaluation.sizes import PUBLISHED_SIZES, size_name
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from app.vision.scaling import Floats, Pixels, to_input
from app.vision.shrinking import shrink_and_enlarge
from trainer.crops import CropSet

SIZES_PX = tuple(sorted(size for size in PUBLISHED_SIZES if size is not None))
_BATCH_CPU, _BATCH_GPU = 64, 1024


@dataclass(frozen=True, slots=True)
class Scores:
    """What one validation found; fractions and cosines.

    Attributes:
        loss: Mean of 1 - cosine(low-resolution probe, its own sharp crop), over sizes.
        accuracy: Share of probes whose most similar photo is of the same person, over sizes.
        tar: TAR at FAR 1e-3 for high-resolution probes ("hr") and each size.
        impostor_mean: Over all sizes.
        impostor_std: Over all sizes.
    """

    loss: float
    accuracy: float
    tar: dict[str, float]
    impostor_mean: float
    impostor_std: float

    @property
    def selection(self) -> float:
        """The score for choosing weights: TAR averaged over sizes, high resolution included."""
        return float(np.mean(list(self.tar.values())))

    def values(self) -> dict[str, float]:
        """Flat, for the log."""
        named = {f"val_tar_{size}": value for size, value in self.tar.items()}
        return {
            "val_loss": self.loss,
            "val_acc": self.accuracy,
            "val_impostor_mean": self.impostor_mean,
            "val_impostor_std": self.impostor_std,
            **named,
        }


@torch.inference_mode()
def embed(
    edgeface: EdgeFace, pixels: Pixels, dsr: DSR | None = None, face_px: float = CROP_SIZE_PX
) -> Floats:
    """Embeds crops of one size, (n, 512) of unit length; through DSR if there is one."""
    device = next(edgeface.parameters()).device
    size = _BATCH_CPU if device.type == "cpu" else _BATCH_GPU
    parts = []
    for start in range(0, len(pixels), size):
        batch = torch.from_numpy(to_input(pixels[start : start + size])).to(device)
        if dsr is not None:
            batch = dsr(batch, torch.full((len(batch),), face_px, device=device)).float()
        parts.append(F.normalize(edgeface(batch).float()).cpu())
    return torch.cat(parts).numpy()


class Validation:
    """Every photo (sharp) against every other (shrunk), as in the evaluation protocol.

    Args:
        crops: People who are not trained on, all with names.
        photos_per_person: At most this many of each.
    """

    def __init__(self, crops: CropSet, photos_per_person: int) -> None:
        crops = crops.first_photos(photos_per_person)
        self._sharp, self._people = crops.pixels, crops.labels
        self._small = {
            size: np.stack([shrink_and_enlarge(crop, size) for crop in self._sharp])
            for size in SIZES_PX
        }

    @property
    def photos(self) -> int:
        """How many photos take part."""
        return len(self._sharp)

    def scores(self, edgeface: EdgeFace, dsr: DSR) -> Scores:
        """Measures both networks as they are."""
        gallery = embed(edgeface, self._sharp)
        probes = {str(size): embed(edgeface, self._small[size], dsr, size) for size in SIZES_PX}
        tar = {size_name(None): AllPairs.among(gallery @ gallery.T, self._people).tar()}
        distances, nearest, impostors = [], [], []
        for size, embeddings in probes.items():
            pairs = AllPairs.among(embeddings @ gallery.T, self._people)
            tar[size] = pairs.tar()
            distances.append(1 - np.diagonal(pairs.similarity).mean())
            nearest.append(pairs.rank1())
            impostors.append(pairs.similarity[pairs.impostor])
        strangers = np.concatenate(impostors)
        return Scores(
            loss=float(np.mean(distances)),
            accuracy=float(np.mean(nearest)),
            tar=tar,
            impostor_mean=float(strangers.mean()),
            impostor_std=float(strangers.std()),
        )
