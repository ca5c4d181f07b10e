"""The settings of the training commands, frozen, hashable, stored with the run."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Literal

from app.vision.device import DeviceName
from trainer.degradation import Degradation

# Lightning Fabric's names. 16-mixed is left out: its loss scaling overflows now and then by design,
# and here a value that is not finite stops the run.
Precision = Literal["32-true", "bf16-mixed"]


@dataclass(frozen=True, slots=True)
class Engine:
    """What both commands share.

    Attributes:
        device: Where.
        precision: bf16-mixed is 1.6 times as fast where the CPU has it.
        seed: Decides initial weights, order and degradation.
        batch_size: Faces per step over all processes.
        weight_decay: AdamW's.
        warmup_steps: Steps over which the rate rises to its peak, at most a tenth of the stage's;
            cosine decay to zero follows.
        max_gradient_norm: Gradients are clipped to it.
        checkpoint_steps: Steps between checkpoints; one is written after each epoch too.
        validation_photos: Photos per validation person, at most.
        label_similarity: A photo less similar to its person's other photos loses its name.
    """

    device: DeviceName = "auto"
    precision: Precision = "bf16-mixed"
    seed: int = 1
    batch_size: int = 32
    weight_decay: float = 1e-4
    warmup_steps: int = 100
    max_gradient_norm: float = 1.0
    checkpoint_steps: int = 200
    validation_photos: int = 12
    label_similarity: float = 0.25
    degradation: Degradation = field(default_factory=Degradation)


@dataclass(frozen=True, slots=True)
class DsrConfig:
    """`python -m trainer dsr`.

    Attributes:
        epochs: Passes over the crops.
        learning_rate: Peak.
        identity_weight: Of 1 - cosine(embedding of DSR's output, stock embedding of the crop).
        pixel_weight: Of the mean absolute pixel difference on the [-1, 1] scale.
        channels: Width of DSR.
        blocks: Residual blocks of DSR.
        heads: Attention heads of DSR.
        max_impostor_mean: Training stops when strangers become more similar than this.
    """

    epochs: int = 4
    learning_rate: float = 1e-3
    identity_weight: float = 1.0
    pixel_weight: float = 1.0
    channels: int = 64
    blocks: int = 4
    heads: int = 4
    max_impostor_mean: float = 0.1
    engine: Engine = field(default_factory=Engine)


@dataclass(frozen=True, slots=True)
class FinetuneConfig:
    """`python -m trainer finetune`.

    Attributes:
        stage1_epochs: Of the ArcFace head alone.
        stage2_epochs: Of everything.
        head_learning_rate: Peak, both stages.
        backbone_learning_rate: Peak for EdgeFace in stage 2.
        dsr_learning_rate: Peak for DSR in stage 2; 0 freezes it.
        contrastive_weight: w, of 1 - cosine(DSR embedding, high-resolution embedding).
        distillation_weight: Of 1 - cosine between the DSR embedding and the stock network's of the
            sharp crop.
        sharp_distillation_weight: The same for the sharp crop's own embedding: what EdgeFace knows
            of sharp faces is kept by it.
        search_weight: Of finding a face's own stock embedding among those of all training faces.
        pixel_weight: As for DSR; keeps its output a picture.
        arcface_scale: s.
        arcface_margin: m, radians.
        max_impostor_mean: Training stops when strangers become more similar than this.
    """

    stage1_epochs: int = 5
    stage2_epochs: int = 30
    head_learning_rate: float = 1e-3
    backbone_learning_rate: float = 1.5e-4
    dsr_learning_rate: float = 3e-4
    contrastive_weight: float = 0.3
    distillation_weight: float = 15.0
    sharp_distillation_weight: float = 45.0
    search_weight: float = 0.07
    pixel_weight: float = 0.45
    arcface_scale: float = 32.0
    arcface_margin: float = 0.3
    max_impostor_mean: float = 0.1
    engine: Engine = field(default_factory=Engine)


@dataclass(frozen=True, slots=True)
class PackedConfig:
    """`python -m trainer finetune-packed`.

    Attributes:
        minutes: How long, the time of earlier sittings counted in.
        batch_size: Faces per step.
        seed: Decides batches and degradation.
        compile: Whether torch compiles the networks first.
        backbone_learning_rate: Peak for EdgeFace.
        dsr_learning_rate: Peak for DSR.
        head_learning_rate: Peak for the head.
        warmup_share: Of the time, in which the rates rise; cosine decay to zero follows.
        weight_decay: AdamW's.
        max_gradient_norm: Gradients are clipped to it.
        average_decay: How much of the averaged weights a step keeps.
        min_face_px: Smallest face drawn for DSR.
        max_face_px: Largest.
        min_soft_px: Least effective size of a soft face that goes straight to EdgeFace.
        distillation_weight: Of 1 - cosine to the teacher's embedding, small and soft faces.
        sharp_distillation_weight: The same, sharp faces.
        search_weight: Of finding a face among all sharp training faces.
        relation_weight: Of being as like every other face as the teachers together say.
        arcface_weight: Of the names.
        arcface_scale: s.
        arcface_margin: m, radians.
        pixel_weight: Of the pixel difference; keeps DSR's output a picture.
        label_similarity: A photo less similar to its person's other photos loses its name.
        validation_photos: Photos per validation person, at most.
        max_impostor_mean: Training stops when strangers become more similar than this.
        look_s: Seconds between validations, each with a checkpoint.
    """

    minutes: float = 8.0
    batch_size: int = 1024
    seed: int = 1
    compile: bool = True
    backbone_learning_rate: float = 3e-4
    dsr_learning_rate: float = 6e-4
    head_learning_rate: float = 2e-3
    warmup_share: float = 0.04
    weight_decay: float = 1e-4
    max_gradient_norm: float = 1.0
    average_decay: float = 0.998
    min_face_px: float = 10.0
    max_face_px: float = 56.0
    min_soft_px: float = 16.0
    distillation_weight: float = 15.0
    sharp_distillation_weight: float = 45.0
    search_weight: float = 0.07
    relation_weight: float = 200.0
    arcface_weight: float = 0.6
    arcface_scale: float = 32.0
    arcface_margin: float = 0.3
    pixel_weight: float = 0.45
    label_similarity: float = 0.25
    validation_photos: int = 12
    max_impostor_mean: float = 0.1
    look_s: float = 60.0


EpochConfig = DsrConfig | FinetuneConfig
Config = EpochConfig | PackedConfig


def to_json(config: Config) -> str:
    """The whole tree, keys sorted."""
    return json.dumps(dataclasses.asdict(config), indent=2, sort_keys=True)
