"""Training, from top to bottom: the two commands, then the loop that both use.

Lightning Fabric moves things to the device, casts, and averages gradients over processes; it owns
no loop, so what happens in which order can be read here (docs/decisions/0006).
"""

import hashlib
import math
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from trainer.checkpoint import Checkpoint, Place
from trainer.config import Config, DsrConfig, FinetuneConfig, config_sha256
from trainer.data import Batch, Batches, CropSet, clean_labels
from trainer.errors import CollapseError, NonFiniteLossError, StoppedError
from trainer.losses import ArcFaceHead
from trainer.metrics import Validation, stock_targets
from trainer.networks import write_run_networks
from trainer.runlog import RunLog, epoch_lines, progress_bar
from trainer.stages import DsrStage, FullStage, HeadStage, Losses, Stage

LOG_STEPS = 20


def train_dsr(
    fabric: Fabric, run: Path, config: DsrConfig, edgeface: EdgeFace, train: CropSet, val: CropSet
) -> None:
    """Trains DSR through a frozen EdgeFace and leaves the best in the run's folder."""
    torch.manual_seed(config.engine.seed)
    dsr = DSR(config.channels, config.blocks, config.heads)
    course = plan_course(fabric, run, config, edgeface, train, val)
    fit(course, DsrStage(dsr, edgeface, config))
    if fabric.is_global_zero:
        write_run_networks(run, dsr)


def finetune(
    fabric: Fabric,
    run: Path,
    config: FinetuneConfig,
    edgeface: EdgeFace,
    dsr: DSR,
    train: CropSet,
    val: CropSet,
) -> None:
    """Fine-tunes EdgeFace on what DSR restores, in two stages, and leaves the best in the run."""
    torch.manual_seed(config.engine.seed)
    head = ArcFaceHead(len(train.people), scale=config.arcface_scale, margin=config.arcface_margin)
    course = plan_course(fabric, run, config, edgeface, train, val)

    if course.checkpoint.stage != FullStage.name:
        fit(course, HeadStage(dsr, edgeface, head, config))

    fit(course, FullStage(dsr, edgeface, head, config))
    if fabric.is_global_zero:
        write_run_networks(run, dsr, edgeface)


@dataclass(frozen=True, slots=True)
class Course:
    """What stays the same through all stages of a run."""

    fabric: Fabric
    run: Path
    config: Config
    batches: Batches
    validation: Validation
    checkpoint: Checkpoint


def plan_course(
    fabric: Fabric, run: Path, config: Config, edgeface: EdgeFace, train: CropSet, val: CropSet
) -> Course:
    """Embeds the sharp crops with the stock network, drops doubtful names, sets up the batches."""
    fits = hashlib.sha256((config_sha256(config) + train.data_list_sha256).encode()).hexdigest()
    checkpoint = Checkpoint(run, fits)
    targets = stock_targets(edgeface.to(fabric.device), train)
    if isinstance(config, FinetuneConfig):
        train = clean_labels(train, targets[0], config.label_similarity)
    engine = config.engine
    batches = Batches(
        train,
        targets,
        engine.degradation,
        engine.batch_size,
        engine.seed,
        fabric.global_rank,
        fabric.world_size,
    )
    validation = Validation(val, engine.validation_photos)
    return Course(fabric, run, config, batches, validation, checkpoint)


def fit(course: Course, stage: Stage) -> None:
    """Runs one stage, or what is left of it; the stage ends with its best weights.

    Raises:
        NonFiniteLossError: Before the step that would have spoilt the weights.
        CollapseError: Strangers became similar to each other.
        StoppedError: Somebody pressed Ctrl-C; a checkpoint was written.
    """
    fabric, batches, engine = course.fabric, course.batches, course.config.engine
    stage.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(stage.parameter_groups(), weight_decay=engine.weight_decay)
    place = course.checkpoint.restore(stage.name, stage, optimizer)
    module, optimizer = fabric.setup(stage, optimizer)
    log = RunLog(course.run) if fabric.is_global_zero else None

    fabric.print(stage.heading)
    with ctrl_c_noticed() as stop_requested, progress_bar(visible=_is_watched(fabric)) as bar:
        while place.epoch < stage.epochs:
            task = bar.add_task(
                f"Epoch {place.epoch + 1}", total=len(batches), completed=place.step
            )
            for batch in batches.epoch(place.epoch, place.step):
                done = place.epoch * len(batches) + place.step
                rate = learning_rate(done, stage.epochs * len(batches), engine.warmup_steps)
                for group in optimizer.param_groups:
                    group["lr"] = rate * group["peak"]
                losses = take_step(fabric, module, optimizer, batch, engine.max_gradient_norm)

                for name, value in losses.items():
                    place.sums[name] = place.sums.get(name, 0.0) + float(value)
                place.step += 1
                bar.advance(task)
                if log and place.step % LOG_STEPS == 0:
                    log.write(stage.name, place.epoch, done + 1, _means(place))
                stopping = stop_requested.is_set()
                if fabric.is_global_zero and (
                    stopping or place.step % engine.checkpoint_steps == 0
                ):
                    course.checkpoint.save(stage.name, stage, optimizer, place)
                if stopping:
                    raise StoppedError("A checkpoint was written; --resume goes on from there.")

            bar.remove_task(task)
            means = _over_processes(fabric, _means(place))
            scores = course.validation.scores(stage.edgeface, stage.dsr)
            fabric.print(epoch_lines(place.epoch, stage.epochs, means, scores))
            if log:
                steps = (place.epoch + 1) * len(batches)
                log.write(stage.name, place.epoch, steps, means | scores.values())
            if scores.impostor_mean > course.config.max_impostor_mean:
                raise CollapseError(
                    f"Impostor mean {scores.impostor_mean:.3f} after epoch {place.epoch + 1} is "
                    f"above {course.config.max_impostor_mean}."
                )
            if scores.selection >= place.best_score:
                place.best_score = scores.selection
                place.best = {name: v.detach().clone() for name, v in stage.state_dict().items()}
            place.epoch, place.step, place.sums = place.epoch + 1, 0, {}
            if fabric.is_global_zero:
                course.checkpoint.save(stage.name, stage, optimizer, place)
    if log:
        log.close()
    stage.load_state_dict(place.best)


def take_step(
    fabric: Fabric, module: nn.Module, optimizer: Optimizer, batch: Batch, max_norm: float
) -> Losses:
    """Forward, backward, clip, step.

    Raises:
        NonFiniteLossError: The loss or a gradient is not finite; the weights are as before.
    """
    losses: Losses = module(batch.to(fabric.device))
    fabric.backward(losses["Total"])
    norm = nn.utils.clip_grad_norm_(module.parameters(), max_norm)
    if not torch.isfinite(losses["Total"].detach() + norm):
        raise NonFiniteLossError(f"Not finite in the batch of {', '.join(batch.files)}.")
    optimizer.step()
    optimizer.zero_grad()
    return {name: value.detach() for name, value in losses.items()}


def learning_rate(step: int, steps: int, warmup_steps: int) -> float:
    """Share of the peak rate: a linear rise, then a cosine fall to zero at the end."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, steps - warmup_steps)))


@contextmanager
def ctrl_c_noticed() -> Iterator[Event]:
    """Within it Ctrl-C sets a flag, so that a run stops between two steps."""
    requested = Event()
    former = signal.signal(signal.SIGINT, lambda *_: requested.set())
    try:
        yield requested
    finally:
        signal.signal(signal.SIGINT, former)


def _means(place: Place) -> dict[str, float]:
    return {name: total / place.step for name, total in place.sums.items()}


def _over_processes(fabric: Fabric, means: dict[str, float]) -> dict[str, float]:
    reduced = fabric.all_reduce(torch.tensor(list(means.values())), reduce_op="mean")
    assert isinstance(reduced, Tensor)
    return dict(zip(means, reduced.tolist(), strict=True))


def _is_watched(fabric: Fabric) -> bool:
    return fabric.is_global_zero and sys.stderr.isatty()
