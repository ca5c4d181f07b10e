"""What each stage trains, and on which losses.

A stage is one module whose `forward` takes a batch and returns its losses, so that Fabric can wrap
it for mixed precision and for several processes. Losses are means over the batch: the average over
processes is then the loss of the whole batch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from trainer.checkpoint import NAMED
from trainer.config import DsrConfig, FinetuneConfig
from trainer.data import Batch
from trainer.losses import ArcFaceHead, SearchLoss, cosine_distance

Losses = dict[str, Tensor]
ParameterGroup = dict[str, Any]


class DsrStage(nn.Module):
    """DSR learns to restore what EdgeFace, frozen, needs to see."""

    name = "dsr"
    heading = "DSR: Training super-resolution (EdgeFace frozen)"

    def __init__(self, dsr: DSR, edgeface: EdgeFace, config: DsrConfig) -> None:
        super().__init__()
        self.dsr = dsr.requires_grad_()
        self.edgeface = edgeface.requires_grad_(requires_grad=False)
        self.epochs, self._config = config.epochs, config

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """For the optimizer, each with its peak rate."""
        return [{"params": list(self.dsr.parameters()), "peak": self._config.learning_rate}]

    def forward(self, batch: Batch) -> Losses:
        """Total, Pixel and Id, each a scalar."""
        restored = self.dsr(batch.low, batch.face_px).float()
        pixel = pixel_distance(restored, batch)
        identity = cosine_distance(self.edgeface(restored).float(), batch.target)
        total = self._config.pixel_weight * pixel + self._config.identity_weight * identity
        return {"Total": total, "Pixel": pixel.detach(), "Id": identity.detach()}


class HeadStage(nn.Module):
    """Stage 1: the ArcFace head alone finds its class centres; both networks are frozen."""

    name = "stage1"
    heading = "STAGE 1: Training ArcFace head (backbone frozen)"

    def __init__(
        self, dsr: DSR, edgeface: EdgeFace, head: ArcFaceHead, config: FinetuneConfig
    ) -> None:
        super().__init__()
        # EdgeFace normalises by layer, so frozen weights are frozen statistics.
        self.dsr = dsr.requires_grad_(requires_grad=False)
        self.edgeface = edgeface.requires_grad_(requires_grad=False)
        self.head = head
        self.epochs, self._config = config.stage1_epochs, config

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """For the optimizer, each with its peak rate."""
        return [{"params": list(self.head.parameters()), "peak": self._config.head_learning_rate}]

    def forward(self, batch: Batch) -> Losses:
        """Total, Acc and Named, each a scalar."""
        with torch.no_grad():
            embeddings = self.edgeface(self.dsr(batch.low, batch.face_px)).float()
        loss, right = self.head(embeddings, batch.labels)
        return {"Total": loss, "Acc": right, NAMED: named_share(batch)}


class FullStage(nn.Module):
    """Stage 2: trains everything, held to the high-resolution embeddings."""

    name = "stage2"
    heading = "STAGE 2: Fine-tuning entire model (backbone unfrozen)"

    def __init__(
        self,
        dsr: DSR,
        edgeface: EdgeFace,
        head: ArcFaceHead,
        search: SearchLoss,
        config: FinetuneConfig,
    ) -> None:
        super().__init__()
        self.dsr = dsr.requires_grad_(config.dsr_learning_rate > 0)
        self.edgeface = edgeface.requires_grad_()
        self.head = head
        self._search = search
        self.epochs, self._config = config.stage2_epochs, config

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """For the optimizer, each with its peak rate."""
        config = self._config
        groups: list[ParameterGroup] = [
            {"params": list(self.head.parameters()), "peak": config.head_learning_rate},
            {"params": list(self.edgeface.parameters()), "peak": config.backbone_learning_rate},
        ]
        if config.dsr_learning_rate > 0:
            groups.append({"params": list(self.dsr.parameters()), "peak": config.dsr_learning_rate})
        return groups

    def forward(self, batch: Batch) -> Losses:
        """Total, Cls, Cont, Dist, Search, Pixel, Acc and Named, each a scalar."""
        config = self._config
        restored = self.dsr(batch.low, batch.face_px).float()
        both = self.edgeface(torch.cat((restored, batch.high))).float()
        from_low, from_high = both.chunk(2)
        classification, right = self.head(from_low, batch.labels)
        contrastive = cosine_distance(from_low, from_high)
        distillation = cosine_distance(from_low, batch.target)
        sharp_distillation = cosine_distance(from_high, batch.target)
        search = self._search(from_low, batch.members) + self._search(from_high, batch.members)
        pixel = pixel_distance(restored, batch)
        total = (
            classification
            + config.contrastive_weight * contrastive
            + config.distillation_weight * distillation
            + config.sharp_distillation_weight * sharp_distillation
            + config.search_weight * search
            + config.pixel_weight * pixel
        )
        return {
            "Total": total,
            "Cls": classification.detach(),
            "Cont": contrastive.detach(),
            "Dist": (distillation + sharp_distillation).detach(),
            "Search": search.detach(),
            "Pixel": pixel.detach(),
            "Acc": right,
            NAMED: named_share(batch),
        }


Stage = DsrStage | HeadStage | FullStage


def named_share(batch: Batch) -> Tensor:
    """Share of the batch that has names; right answers over it are the accuracy."""
    return (batch.labels >= 0).float().mean()


def pixel_distance(restored: Tensor, batch: Batch) -> Tensor:
    """Mean absolute difference to the sharp crop, over faces whose crop is sharp."""
    per_face = (restored - batch.high).abs().mean(dim=(1, 2, 3))
    return (per_face * batch.sharp).mean()
