"""The settings of the training commands, said once: options, help and config.json come from here.

Names are unique over all tables of a command, so that an option needs no prefix.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Literal

from app.vision.device import DeviceName
from trainer.degradation import Degradation
from trainer.errors import SettingsError
from trainer.options import Amount, Count, CountOrZero, FacePx, Share, flat

# Lightning Fabric's names. 16-mixed is left out: its loss scaling overflows now and then by design,
# and here a value that is not finite stops the run.
Precision = Literal["32-true", "bf16-mixed"]
TeacherInput = Literal["rgb", "bgr", "rgb255", "bgr255"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Device, batches and limits, for every training.

    Attributes:
        device: Where to train. auto takes a GPU if there is one.
        seed: Decides initial weights, order and degradation: the same seed and settings give the
            same losses. Change it to see how much of a gain is luck.
        batch_size: Faces per step, over all processes. 32 suits a CPU; a GPU takes hundreds, with
            higher learning rates.
        weight_decay: AdamW's pull of all weights towards zero. 1e-4 hardly matters in runs of a
            few thousand steps; up to 0.05 is usual for long ones on little data.
        max_gradient_norm: Longer gradients are cut to this length. At 1 most steps are cut; raise
            it only together with lower learning rates.
        label_similarity: A photo less similar than this to its person's other photos, by the
            teacher, loses its name. 0.25 drops what is clearly somebody else; 0 keeps nearly all.
        validation_photos: At most this many photos per validation person. More take longer after
            each epoch but separate smaller gains from chance.
        max_impostor_mean: Training stops if strangers become more similar than this on average.
            A sound network stays below 0.05; raise it only to watch one collapse.
    """

    device: DeviceName = "auto"
    seed: int = 1
    batch_size: Count = 32
    weight_decay: Amount = 1e-4
    max_gradient_norm: Amount = 1.0
    label_similarity: float = 0.25
    validation_photos: Count = 12
    max_impostor_mean: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEngine(Engine):
    """Device, batches, limits and pace of a training over many epochs.

    Attributes:
        precision: Of the networks' numbers. bf16-mixed is 1.6 times as fast on hardware that has it
            and learns as well; 32-true is for comparing machines.
        warmup_steps: Steps over which the learning rates rise to their peaks; a cosine decay to
            zero follows. It takes at most a tenth of a stage's steps. Raise it if the first losses
            jump.
        checkpoint_steps: Steps between checkpoints; one is also written after each epoch.
        workers: Processes that read ahead and degrade faces; 0 does it between the steps. A CPU
            that trains needs no more than 1. Give a GPU more until it is busy
            (`python -m benchmarks.loader`). This changes no loss, and may change on --resume.
        compile: Compile the networks with torch.compile first. This takes minutes and, on a CPU, a
            C++ compiler; it pays off in long runs.
    """

    precision: Precision = "bf16-mixed"
    warmup_steps: CountOrZero = 100
    checkpoint_steps: Count = 200
    workers: CountOrZero = 1
    compile: bool = False
    degradation: Degradation = field(default_factory=Degradation)


@dataclass(frozen=True, slots=True, kw_only=True)
class DsrConfig:
    """Settings of `dsr`.

    Attributes:
        epochs: Passes over the crops.
        learning_rate: Peak. 1e-3 suits batches of 32; 2e-3 learns faster on few crops.
        identity_weight: Of 1 - cosine between the embeddings of the restored face and the sharp
            crop: restore what EdgeFace recognises people by.
        pixel_weight: Of the mean absolute pixel difference on the [-1, 1] scale: restore a picture.
            At 0 the output may stop looking like a face.
        channels: Width of DSR, a multiple of --heads. Cost grows nearly with its square; at 64 a
            face takes as long to restore as to detect.
        blocks: Residual blocks of DSR. Cost grows in proportion.
        heads: Attention heads of DSR; 4 or 8.
    """

    epochs: Count = 4
    learning_rate: Amount = 1e-3
    identity_weight: Amount = 1.0
    pixel_weight: Amount = 1.0
    channels: Count = 64
    blocks: Count = 4
    heads: Count = 4
    engine: EpochEngine = field(default_factory=EpochEngine)

    def __post_init__(self) -> None:
        if self.channels % self.heads:
            raise SettingsError(
                f"--channels {self.channels} is not a multiple of --heads {self.heads}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """The loss weights of `finetune` and `finetune-packed`.

    Attributes:
        teacher_input: The input of an ONNX teacher: its order of colours, in the range from -1 to 1
            or, with 255, from 0 to 255. ArcFace's exports take rgb.
        backbone_learning_rate: Peak for EdgeFace. Higher ones harm sharp faces at once. With only a
            dozen people, which it would learn by heart, use 1e-6.
        dsr_learning_rate: Peak for DSR; 0 freezes it, which saves more than half the time.
        head_learning_rate: Peak for the ArcFace head.
        distillation_weight: Of 1 - cosine between a small face's embedding and the teacher's for
            the sharp crop. The backbone of the training: 10 to 100.
        sharp_distillation_weight: The same for sharp faces: it keeps what EdgeFace knows of them.
            Three times the weight of small faces holds them where they were.
        search_weight: Of finding a face's own sharp embedding among those of all training faces.
            It helps small faces most, at the expense of sharp ones: 0.05 to 0.3.
        pixel_weight: Of the pixel difference; it keeps DSR's output a picture.
        arcface_scale: s, the radius of the logits. With few people 64 learns them by heart; 32 does
            not.
        arcface_margin: m, in radians, added to the angle to a face's own class. 0.3 to 0.5.
    """

    teacher_input: TeacherInput = "rgb"
    backbone_learning_rate: Amount = 1.5e-4
    dsr_learning_rate: Amount = 3e-4
    head_learning_rate: Amount = 1e-3
    distillation_weight: Amount = 15.0
    sharp_distillation_weight: Amount = 45.0
    search_weight: Amount = 0.07
    pixel_weight: Amount = 0.45
    arcface_scale: Amount = 32.0
    arcface_margin: Amount = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneConfig(Tuning):
    """Settings of `finetune`.

    Attributes:
        stage1_epochs: Of the ArcFace head alone. It starts at the mean of each person's faces, so 1
            is enough for most data.
        stage2_epochs: Of everything. 5 epochs of 130,000 faces bring most of what can be gained.
        contrastive_weight: w, of 1 - cosine between the embeddings of a small face and of its
            sharp original.
    """

    stage1_epochs: CountOrZero = 5
    stage2_epochs: Count = 30
    contrastive_weight: Amount = 0.3
    engine: EpochEngine = field(default_factory=EpochEngine)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedConfig(Tuning):
    """Settings of `finetune-packed`.

    Attributes:
        minutes: How long to train, earlier sittings included. The learning rates reach zero when
            the time is up.
        compile: Compile the networks with torch.compile first: a minute before the time runs.
        warmup_share: Share of the time in which the learning rates rise; cosine decay follows.
        average_decay: Share of the averaged weights, which are the result, that each step keeps.
            0.998 averages over the last 500 steps.
        min_face_px: Smallest face drawn for DSR, log-uniform.
        max_face_px: Largest face drawn for DSR.
        min_soft_px: Smallest effective size of a soft face that goes straight to EdgeFace.
        relation_weight: Of being as similar to every other face of the batch as the teachers
            together say (squared error).
        arcface_weight: Of the names. 1 and above learn them by heart.
        look_s: Seconds between validations, each with a checkpoint.
    """

    minutes: Amount = 8.0
    compile: bool = True
    backbone_learning_rate: Amount = 3e-4
    dsr_learning_rate: Amount = 6e-4
    head_learning_rate: Amount = 2e-3
    warmup_share: Share = 0.04
    average_decay: Share = 0.998
    min_face_px: FacePx = 10.0
    max_face_px: FacePx = 56.0
    min_soft_px: FacePx = 16.0
    relation_weight: Amount = 200.0
    arcface_weight: Amount = 0.6
    look_s: Amount = 60.0
    engine: Engine = field(default_factory=lambda: Engine(batch_size=1024))


EpochConfig = DsrConfig | FinetuneConfig
Config = EpochConfig | PackedConfig


def settings(config: Config) -> dict[str, object]:
    """Every setting by its name, which is also its option's."""
    return flat(dataclasses.asdict(config))


def to_json(config: Config) -> str:
    """All settings, sorted by name; `--config` takes such a file."""
    return json.dumps(settings(config), indent=2, sort_keys=True)
