"""Both networks on one GPU for a number of minutes; the schedule follows the clock.

Time is what is lent, so the rate reaches zero when it is spent, whatever a step costs
(docs/decisions/0020). `trainer.loop` is the training of many epochs, devices and processes.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from trainer.checkpoint import CHECKPOINT_NAME
from trainer.config import PackedConfig
from trainer.errors import NonFiniteLossError
from trainer.gpu_batch import GpuBatch, Resident, draw_batch, sharp_part
from trainer.gpu_clock import StepClock
from trainer.gpu_degradation import GpuDegradation
from trainer.losses import ArcFaceHead, SearchLoss
from trainer.networks import write_run_networks

# Maximum steps in the device's queue; more would run ahead of the clock by minutes.
_QUEUED_STEPS = 20

Record = dict[str, float]


class Pair(nn.Module):
    """Both networks as one function, so that one graph can be compiled."""

    def __init__(self, dsr: DSR, edgeface: EdgeFace) -> None:
        super().__init__()
        self.dsr, self.edgeface = dsr, edgeface

    def forward(self, small: Tensor, face_px: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Restored faces, and the embeddings of restored and second ones, one below the other."""
        restored = self.dsr(small, face_px)
        return restored, self.edgeface(torch.cat((restored, second)))


class GpuTraining:
    """Two networks, a head, an optimizer and the data: all that a step needs and changes.

    Attributes:
        pair: The networks that learn.
        average: Their weights averaged over the last steps, which are the result.
        step: How many were taken.
    """

    def __init__(
        self, data: Resident, dsr: DSR, edgeface: EdgeFace, people: int, config: PackedConfig
    ) -> None:
        torch.manual_seed(config.engine.seed)
        self.config, self.step = config, 0
        self._data, self._degradation = data, GpuDegradation(data.device)
        self.pair = _on(data.device, Pair(dsr, edgeface))
        self.average = _on(data.device, Pair(DSR(**dsr.architecture), EdgeFace(edgeface.variant)))
        self.average.load_state_dict(self.pair.state_dict())
        self.pair.requires_grad_()
        self.average.requires_grad_(requires_grad=False)
        self._head = ArcFaceHead(people, scale=config.arcface_scale, margin=config.arcface_margin)
        self._head.centre_on(data.targets.cpu(), data.labels.cpu())
        self._head.to(data.device)
        self._search = SearchLoss(data.targets, data.labels)
        peaks = (
            (edgeface, config.backbone_learning_rate),
            (dsr, config.dsr_learning_rate),
            (self._head, config.head_learning_rate),
        )
        self._optimizer = torch.optim.AdamW(
            [{"params": list(module.parameters()), "peak": peak} for module, peak in peaks],
            weight_decay=config.engine.weight_decay,
            betas=(0.9, 0.99),
        )
        self._forward: Callable[..., Any] = (
            torch.compile(self.pair) if config.compile else self.pair
        )

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._data.device

    def warm_up(self) -> None:
        """A step without its update, so that compiling is done before the time runs."""
        total = self._losses(self._draw(), StepClock(self.device))["total"]
        total.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        self._optimizer.zero_grad()

    def take_step(self, rate: float, clock: StepClock) -> dict[str, Tensor]:
        """Forward, backward, clip, step, average.

        Args:
            rate: Share of the peak rates.
            clock: Told when each part ends.

        Returns:
            Each loss and the gradient's norm, on the device, which may not be there yet.
        """
        clock.start()
        batch = self._draw()
        clock.end("degrade")
        losses = self._losses(batch, clock)
        losses["total"].backward()  # type: ignore[no-untyped-call]  # torch has no types here
        clock.end("backward")
        groups = self._optimizer.param_groups
        parameters = [parameter for group in groups for parameter in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, self.config.engine.max_gradient_norm)
        for group in groups:
            group["lr"] = rate * group["peak"]
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._follow()
        clock.end("update")
        self.step += 1
        return {name: value.detach() for name, value in losses.items()} | {"norm": norm}

    def save(self, run: Path, spent_s: float) -> None:
        """Writes the averaged networks, and a checkpoint to resume from."""
        write_run_networks(run, self.average.dsr, self.average.edgeface)
        incoming = run / f"{CHECKPOINT_NAME}.incoming"
        states = {name: part.state_dict() for name, part in self._parts().items()}
        torch.save({"step": self.step, "spent_s": spent_s, **states}, incoming)
        incoming.replace(run / CHECKPOINT_NAME)

    def restore(self, run: Path) -> float:
        """Resumes where `save` left off; returns the seconds already spent."""
        stored = torch.load(run / CHECKPOINT_NAME, map_location=self.device, weights_only=True)
        self.step = stored["step"]
        for name, part in self._parts().items():
            part.load_state_dict(stored[name])
        return float(stored["spent_s"])

    def _parts(self) -> Mapping[str, Any]:
        return {
            "pair": self.pair,
            "average": self.average,
            "head": self._head,
            "optimizer": self._optimizer,
        }

    def _draw(self) -> GpuBatch:
        return draw_batch(self._data, self._degradation, self.config, self.step)

    @torch.no_grad()
    def _follow(self) -> None:
        """Moves the average towards the weights, faster in the first steps."""
        keep = min(self.config.average_decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(  # what torch.optim.swa_utils uses, which has only one pace
            list(self.average.parameters()), list(self.pair.parameters()), 1 - keep
        )

    def _losses(self, batch: GpuBatch, clock: StepClock) -> dict[str, Tensor]:
        config, data = self.config, self._data
        with torch.autocast(self.device.type, torch.bfloat16):
            restored, both = self._forward(batch.small, batch.face_px, batch.second)
        restored, both = restored.float(), both.float()
        clock.end("forward")

        target = data.targets[batch.members]
        from_small, from_second = both.chunk(2)
        small_distance = 1 - F.cosine_similarity(from_small, target)
        second_distance = 1 - F.cosine_similarity(from_second, target)
        half, (start, end) = len(target) // 2, sharp_part(len(target))
        clean, photographed = small_distance[:half].mean(), small_distance[half:].mean()
        sharp = second_distance[start:end].mean()
        soft = torch.cat((second_distance[:start], second_distance[end:])).mean()
        classification, right = self._head(from_small, data.labels[batch.members])
        search = 2 * self._search(both, batch.members.repeat(2))
        ensemble = data.ensemble[batch.members]
        alike = F.normalize(from_small) @ F.normalize(from_second).T
        relation = (alike - ensemble @ ensemble.T).square().mean()
        pixel = ((restored - batch.high).abs().mean(dim=(1, 2, 3)) * batch.comparable).mean()
        total = (
            config.distillation_weight * ((clean + photographed) / 2 + soft)
            + config.sharp_distillation_weight * sharp
            + config.arcface_weight * classification
            + config.search_weight * search
            + config.relation_weight * relation
            + config.pixel_weight * pixel
        )
        clock.end("losses")
        return {
            "total": total,
            "clean": clean,
            "photographed": photographed,
            "soft": soft,
            "sharp": sharp,
            "classification": classification,
            "right": right,
            "search": search,
            "relation": relation,
            "pixel": pixel,
        }


def train(training: GpuTraining, run: Path, spent_s: float = 0.0) -> Iterator[Record]:
    """Trains until the time is spent.

    Args:
        training: Fresh or restored.
        run: Where checkpoints and networks go.
        spent_s: Seconds already spent.

    Yields:
        Every so often, and at the end: the means since the last record, faces per second, and
        each part of a step in ms. Networks and checkpoint have been written by then.

    Raises:
        NonFiniteLossError: The files on disk are from before.
    """
    config, budget_s = training.config, training.config.minutes * 60
    began = time.monotonic() - spent_s
    while spent_s < budget_s:
        sums: dict[str, Tensor] = {}
        clock, steps, since_s = StepClock(training.device), 0, spent_s
        while not steps or spent_s < min(since_s + config.look_s, budget_s):
            rate = learning_rate(spent_s / budget_s, config.warmup_share)
            for name, value in training.take_step(rate, clock).items():
                sums[name] = sums[name] + value if name in sums else value.clone()
            steps += 1
            if steps % _QUEUED_STEPS == 0:
                clock.wait()
            spent_s = time.monotonic() - began
        parts_ms = clock.parts_ms()
        means = {name: float(value) / steps for name, value in sums.items()}
        if not all(map(math.isfinite, means.values())):
            raise NonFiniteLossError(f"A loss was not finite after step {training.step - steps}.")
        spent_s = time.monotonic() - began
        training.save(run, spent_s)
        yield {
            "step": training.step,
            "spent_s": spent_s,
            "faces_per_s": config.engine.batch_size * steps / (spent_s - since_s),
            **means,
            **{f"{name}_ms": value / steps for name, value in parts_ms.items()},
        }
        spent_s = time.monotonic() - began


def learning_rate(share: float, warmup_share: float) -> float:
    """Share of the peak rate: a linear rise, then a cosine fall to zero.

    Args:
        share: Of the time already spent, 0 to 1.
        warmup_share: Share of the time in which it rises.
    """
    if share < warmup_share:
        return share / warmup_share
    return 0.5 * (1 + math.cos(math.pi * (share - warmup_share) / (1 - warmup_share)))


def _on(device: torch.device, pair: Pair) -> Pair:
    return pair.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # torch's stub lacks it
