"""The settings of `python -m trainer finetune-packed`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuConfig:
    """What a training on one GPU depends on; stored with the run.

    Attributes:
        minutes: How long, the time of earlier sittings counted in.
        batch_size: Faces per step.
        seed: Decides batches and degradation.
        compile: Whether torch compiles the networks, which costs a minute and then saves half.
        backbone_learning_rate: Peak for EdgeFace.
        dsr_learning_rate: Peak for DSR.
        head_learning_rate: Peak for the class centres.
        warmup_share: Of the time, in which the rate rises.
        weight_decay: AdamW's.
        max_gradient_norm: Gradients are clipped to it.
        average_decay: How much of the averaged weights a step keeps.
        min_face_px: Smallest face that goes through DSR.
        max_face_px: Largest.
        min_soft_px: Smallest effective size of a soft face that goes straight to EdgeFace.
        distillation_weight: Of 1 - cosine to the teacher's embedding, small and soft faces.
        sharp_distillation_weight: The same, sharp faces.
        search_weight: Of finding a face among all sharp ones.
        relation_weight: Of being as like every other face as the teachers together say.
        arcface_weight: Of the names.
        arcface_scale: s.
        arcface_margin: m, radians.
        pixel_weight: Of the pixel difference; keeps DSR's output a picture.
        label_similarity: A photo less similar to its person's other photos loses its name.
        look_s: Seconds between validations.
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
    look_s: float = 60.0
