"""Training, from top to bottom: the two commands, then the loop that both use.

Lightning Fabric moves things to the device, casts, and averages gradients over processes. It owns
no loop, so the order of events can be read here (docs/decisions/0006).
"""

import math
import shlex
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer

from app.progress import Advance, counted
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from trainer.checkpoint import Checkpoint, Place
from trainer.config import DsrConfig, EpochConfig, FinetuneConfig
from trainer.crops import CropSet, clean_labels
from trainer.data import Batch, Batches
from trainer.errors import CollapseError, StoppedError
from trainer.losses import ArcFaceHead, SearchLoss
from trainer.metrics import Scores, Validation, embed
from trainer.networks import write_run_networks
from trainer.runlog import RunLog, epoch_lines, outcome_lines, start_line
from trainer.stages import DsrStage, FullStage, HeadStage, Losses, Stage
from trainer.tally import FINITE, Tally
from trainer.teacher import Teacher, targets_of

LOG_STEPS = 20
# Looking at a loss waits for the device; a CPU is waited for anyway.
LOOK_STEPS_CPU, LOOK_STEPS_GPU = 1, 20


def train_dsr(
    fabric: Fabric, run: Path, config: DsrConfig, edgeface: EdgeFace, train: CropSet, val: CropSet
) -> None:
    """Trains DSR through a frozen EdgeFace and keeps the best in the run's folder."""
    torch.manual_seed(config.engine.seed)
    dsr = DSR(config.channels, config.blocks, config.heads)
    teacher = partial(embed, edgeface.to(fabric.device))
    course = plan_course(fabric, run, config, teacher, train, val)
    fit(course, DsrStage(dsr, edgeface, config))
    if fabric.is_global_zero:
        write_run_networks(run, dsr)
    fabric.print(f"Next: farsight-trainer finetune --dsr {shlex.quote(str(run))} --help")


def finetune(
    fabric: Fabric,
    run: Path,
    config: FinetuneConfig,
    teacher: Teacher,
    edgeface: EdgeFace,
    dsr: DSR,
    train: CropSet,
    val: CropSet,
) -> None:
    """Fine-tunes EdgeFace on what DSR restores, in two stages, and keeps the best in the run."""
    torch.manual_seed(config.engine.seed)
    head = ArcFaceHead(len(train.people), scale=config.arcface_scale, margin=config.arcface_margin)
    course = plan_course(fabric, run, config, teacher, train, val)
    targets, labels = course.batches.targets_and_labels()
    head.centre_on(targets, labels)
    search = SearchLoss(targets.to(fabric.device), labels.to(fabric.device))

    before = look(course, edgeface.to(fabric.device), dsr.to(fabric.device))
    fabric.print(start_line(before))

    if course.checkpoint.stage != FullStage.name:
        fit(course, HeadStage(dsr, edgeface, head, config))

    best = fit(course, FullStage(dsr, edgeface, head, search, config))
    if fabric.is_global_zero:
        write_run_networks(run, dsr, edgeface)
    fabric.print(outcome_lines(before, best, run))


@dataclass(frozen=True, slots=True)
class Course:
    """What stays the same through all stages of a run."""

    fabric: Fabric
    run: Path
    config: EpochConfig
    batches: Batches
    validation: Validation
    checkpoint: Checkpoint


def plan_course(
    fabric: Fabric, run: Path, config: EpochConfig, teacher: Teacher, train: CropSet, val: CropSet
) -> Course:
    """Embeds the sharp crops with the teacher, drops doubtful names, sets up the batches."""
    engine = config.engine
    targets = targets_of(teacher, train)
    train = clean_labels(train, targets, engine.label_similarity)
    known = clean_labels(val, teacher(val.pixels), engine.label_similarity).named()
    fabric.print(f"{len(val) - len(known)} of {len(val)} validation photos have doubtful names.")
    batches = Batches(
        train,
        targets,
        engine.degradation,
        engine.batch_size,
        engine.seed,
        fabric.global_rank,
        fabric.world_size,
    )
    validation = Validation(known, engine.validation_photos)
    return Course(fabric, run, config, batches, validation, Checkpoint(run))


def fit(course: Course, stage: Stage) -> float:
    """Runs one stage, or the rest of it; it ends with its best weights.

    Between two looks at the losses nothing waits for the device.

    Returns:
        The selection score of those weights.

    Raises:
        NonFiniteLossError: The files on disk are from before.
        CollapseError: Strangers became similar to each other.
        StoppedError: Somebody pressed Ctrl-C; a checkpoint was written.
    """
    fabric, batches, engine = course.fabric, course.batches, course.config.engine
    stage.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    if engine.compile:
        stage.dsr.compile()
        stage.edgeface.compile()
    optimizer = torch.optim.AdamW(stage.parameter_groups(), weight_decay=engine.weight_decay)
    module, optimizer = fabric.setup(stage, optimizer)
    place = course.checkpoint.restore(stage.name, stage, optimizer)

    on_cpu = fabric.device.type == "cpu"
    look_steps = LOOK_STEPS_CPU if on_cpu else LOOK_STEPS_GPU

    fabric.print(stage.heading)
    with ctrl_c_noticed() as stop_requested, open_log(course, stage, place) as log:
        ahead = batches.read_ahead(
            (place.epoch, place.step), stage.epochs, engine.workers, pin_memory=not on_cpu
        )
        tally = Tally(fabric, place)
        while place.epoch < stage.epochs:
            with steps_told(fabric, f"Epoch {place.epoch + 1}, steps") as advance:
                for step in range(place.step + 1, len(batches) + 1):
                    batch = next(ahead)
                    done = place.epoch * len(batches) + step
                    rate = learning_rate(done - 1, stage.epochs * len(batches), engine.warmup_steps)
                    for group in optimizer.param_groups:
                        group["lr"] = rate * group["peak"]
                    losses = take_step(fabric, module, optimizer, batch, engine.max_gradient_norm)
                    tally.add(batch.files, losses)
                    advance(step, len(batches))

                    if step % look_steps and step < len(batches):
                        continue
                    looked = tally.read()
                    if log and step % LOG_STEPS == 0:
                        log.write(place.epoch, done, place.means())
                    if step % engine.checkpoint_steps < looked:
                        save(course, stage, optimizer, place)
                    stop_if_asked(stop_requested, course, stage, optimizer, place)

            end_epoch(course, stage, place, log)
            save(course, stage, optimizer, place)
            stop_if_asked(stop_requested, course, stage, optimizer, place)
    if place.best:
        stage.load_state_dict(place.best)
    return place.best_score


def take_step(
    fabric: Fabric, module: nn.Module, optimizer: Optimizer, batch: Batch, max_norm: float
) -> Losses:
    """Forward, backward, clip, step.

    Returns:
        The losses of this process and whether all was finite, on the device, which may not have
        got there yet.
    """
    losses: Losses = module(batch.to(fabric.device))
    fabric.backward(losses["Total"])
    norm = nn.utils.clip_grad_norm_(module.parameters(), max_norm)
    optimizer.step()
    optimizer.zero_grad()
    finite = torch.isfinite(losses["Total"].detach() + norm)
    return {name: value.detach() for name, value in losses.items()} | {FINITE: finite}


def end_epoch(course: Course, stage: Stage, place: Place, log: RunLog | None) -> None:
    """Validates, reports, and keeps the weights if they are the best so far.

    Raises:
        CollapseError: Strangers became similar to each other.
    """
    fabric, losses = course.fabric, place.means()
    scores = look(course, stage.edgeface, stage.dsr)
    fabric.print(epoch_lines(place.epoch, stage.epochs, losses, scores))
    if log:
        log.write(place.epoch, (place.epoch + 1) * len(course.batches), losses | scores.values())
    if scores.impostor_mean > course.config.engine.max_impostor_mean:
        raise CollapseError(
            f"The impostor mean {scores.impostor_mean:.3f} after epoch {place.epoch + 1} is above "
            f"{course.config.engine.max_impostor_mean}."
        )
    if scores.selection >= place.best_score:
        place.best_score = scores.selection
        place.best = {name: value.clone() for name, value in stage.state_dict().items()}
    place.end_epoch()


def look(course: Course, edgeface: EdgeFace, dsr: DSR) -> Scores:
    """Validates two networks as they are."""
    fabric = course.fabric
    # One process looks and tells the others: all must come to the same decision. Its batches are
    # of many sizes, for each of which the networks would be compiled anew.
    with torch.compiler.set_stance("force_eager"):
        scores = course.validation.scores(edgeface, dsr) if fabric.is_global_zero else None
    scores = fabric.broadcast(scores)
    assert scores is not None
    return scores


def steps_told(fabric: Fabric, what: str) -> AbstractContextManager[Advance]:
    """Tells how far an epoch is, in one process."""
    return counted(what) if fabric.is_global_zero else nullcontext(lambda _done, _total: None)


def stop_if_asked(
    requested: Event, course: Course, stage: Stage, optimizer: Optimizer, place: Place
) -> None:
    """Writes the checkpoint and stops if Ctrl-C came.

    In any process: one that stopped alone would leave the others waiting forever.

    Raises:
        StoppedError: It came.
    """
    fabric = course.fabric
    asked = torch.tensor(float(requested.is_set()), device=fabric.device)
    if fabric.all_reduce(asked, reduce_op="sum"):
        save(course, stage, optimizer, place)
        raise StoppedError("A checkpoint was written; continue with --resume.")


def save(course: Course, stage: Stage, optimizer: Optimizer, place: Place) -> None:
    """Writes the checkpoint, in one process."""
    if course.fabric.is_global_zero:
        course.checkpoint.save(stage.name, stage, optimizer, place)


def open_log(course: Course, stage: Stage, place: Place) -> AbstractContextManager[RunLog | None]:
    """The run log, in one process."""
    if not course.fabric.is_global_zero:
        return nullcontext()
    return RunLog(course.run, stage.name, place.epoch * len(course.batches) + place.step)


def learning_rate(step: int, steps: int, warmup_steps: int) -> float:
    """Share of the peak rate: a linear rise, then a cosine fall to zero at the end."""
    rising = min(warmup_steps, steps // 10)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


@contextmanager
def ctrl_c_noticed() -> Iterator[Event]:
    """While inside, Ctrl-C sets a flag, so that a run stops between two steps."""
    requested = Event()
    former = signal.signal(signal.SIGINT, lambda *_: requested.set())
    try:
        yield requested
    finally:
        signal.signal(signal.SIGINT, former)
