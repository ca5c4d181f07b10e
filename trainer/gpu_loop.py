"""Round five: both networks on one GPU, all crops resident, for so many minutes.

Everything a step needs stays on the device, chance included; what a step waits for is computing.
The schedule follows the clock, because what is lent is time (docs/decisions/0020).
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from trainer.crops import CropSet
from trainer.errors import NonFiniteLossError
from trainer.gpu_config import GpuConfig
from trainer.degradation import SIZE_PX
from trainer.gpu_degradation import GpuDegradation
from trainer.losses import ArcFaceHead, SearchLoss
from trainer.networks import write_run_networks

_CHECK_STEPS = 20
_STEP_SEEDS = 1_000_003
# Channel k of a pixel p is p / 127.5 - 1 (app.vision.scaling).
_HALF_RANGE = 127.5


class Resident:
    """The training data on the device.

    Args:
        crops: Cleaned.
        targets: (n, 512) what the teacher says of the sharp crops, unit length.
        ensemble: (n, any) what teachers together say, unit length.
        device: Where it all goes.
    """

    def __init__(
        self, crops: CropSet, targets: Tensor, ensemble: Tensor, device: torch.device
    ) -> None:
        self.pixels = torch.from_numpy(crops.pixels).to(device).permute(0, 3, 1, 2).contiguous()
        self.labels = torch.from_numpy(crops.labels).to(device)
        self.sharp = torch.from_numpy(crops.sharp).to(device)
        self.targets, self.ensemble = targets.to(device), ensemble.to(device)
        self.device = device

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True)
class GpuBatch:
    """One step's faces.

    The first half of `small` is shrunk cleanly, the second photographed; of `second`, the middle
    half is the sharp crop, the rest is soft but as large.

    Attributes:
        members: (batch,) which of the crops each is.
        small: (batch, 3, 112, 112) in [-1, 1], for DSR.
        face_px: (batch,) their sizes.
        second: (batch, 3, 112, 112) in [-1, 1], for EdgeFace alone.
        high: (batch, 3, 112, 112) in [-1, 1], what DSR should restore.
        comparable: (batch,) 1 where a pixel loss counts.
    """

    members: Tensor
    small: Tensor
    face_px: Tensor
    second: Tensor
    high: Tensor
    comparable: Tensor


def draw_batch(
    data: Resident, degradation: GpuDegradation, config: GpuConfig, step: int
) -> GpuBatch:
    """The batch of a step; (seed, step) decide everything."""
    chance = Generator(data.device).manual_seed(config.seed * _STEP_SEEDS + step)
    size = config.batch_size
    members = torch.randint(len(data), (size,), generator=chance, device=data.device)
    crops = data.pixels[members].float()
    mirrored = torch.rand(size, generator=chance, device=data.device) < 0.5
    crops = torch.where(mirrored[:, None, None, None], crops.flip(3), crops)

    face_px = degradation.draw_face_px(size, config.min_face_px, config.max_face_px, chance)
    half = size // 2
    clean = degradation.shrink_and_enlarge(crops[:half], face_px[:half])
    photographed = degradation.photograph(crops[half:], face_px[half:], chance, config.max_face_px)

    start, end = sharp_part(size)
    soft_px = degradation.draw_face_px(size - (end - start), config.min_soft_px, SIZE_PX, chance)
    outer = torch.cat((crops[:start], crops[end:]))
    soft = degradation.photograph(outer, soft_px, chance).pixels
    second = torch.cat((soft[:start], crops[start:end], soft[start:]))

    comparable = data.sharp[members].float()
    comparable[half:] *= photographed.aligned
    return GpuBatch(
        members=members,
        small=_scaled(torch.cat((clean, photographed.pixels))),
        face_px=face_px.float(),
        second=_scaled(second),
        high=_scaled(crops),
        comparable=comparable,
    )


def sharp_part(size: int) -> tuple[int, int]:
    """From where to where a batch's second views are the sharp crops."""
    return size // 4, size // 4 + size // 2


class Pair(nn.Module):
    """Both networks as one function, so that one graph can be compiled."""

    def __init__(self, dsr: DSR, edgeface: EdgeFace) -> None:
        super().__init__()
        self.dsr, self.edgeface = dsr, edgeface

    def forward(self, small: Tensor, face_px: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Restored faces, and the embeddings of restored and second ones, one below the other."""
        restored = self.dsr(small, face_px)
        return restored, self.edgeface(torch.cat((restored, second)))


class Averages:
    """Weights averaged over the last steps (EMA), which generalise better than the last ones."""

    def __init__(self, pair: Pair, decay: float) -> None:
        self.edgeface = EdgeFace(pair.edgeface.variant)
        self.dsr = DSR(**pair.dsr.architecture)
        self._shadow = Pair(self.dsr, self.edgeface).to(next(pair.parameters()).device).eval()
        self._shadow.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._shadow.load_state_dict(pair.state_dict())
        self._shadow.requires_grad_(requires_grad=False)
        self._decay = decay

    @torch.no_grad()
    def follow(self, pair: Pair, step: int) -> None:
        """After a step; at the beginning the average forgets faster."""
        share = 1 - min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self._shadow.parameters()), list(pair.parameters()), share)

    def state_dict(self) -> dict[str, Tensor]:
        """For the checkpoint."""
        return self._shadow.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """From the checkpoint."""
        self._shadow.load_state_dict(state)


@dataclass(slots=True)
class Clock:
    """Milliseconds of each part of a step, measured by the device where it has events."""

    device: torch.device
    marks: list[tuple[str, "torch.cuda.Event | float"]] = field(default_factory=list)

    def mark(self, name: str) -> None:
        """The part of this name ends here."""
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append((name, event))
        else:
            self.marks.append((name, time.perf_counter()))

    def parts_ms(self) -> dict[str, float]:
        """The sum of each part; waits for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        sums: dict[str, float] = {}
        for (_, before), (name, after) in zip(self.marks, self.marks[1:], strict=False):
            if isinstance(before, float) or isinstance(after, float):
                took_ms = (after - before) * 1000  # type: ignore[operator]
            else:
                took_ms = before.elapsed_time(after)
            sums[name] = sums.get(name, 0.0) + took_ms
        sums.pop("start", None)
        return sums


class GpuTraining:
    """Two networks, a head, an optimizer and the data: what a step changes and what it needs."""

    def __init__(
        self, data: Resident, dsr: DSR, edgeface: EdgeFace, people: int, config: GpuConfig
    ) -> None:
        torch.manual_seed(config.seed)
        device = data.device
        self.data, self.config = data, config
        self.pair = Pair(dsr.requires_grad_(), edgeface.requires_grad_()).to(device).train()
        self.pair.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        head = ArcFaceHead(people, scale=config.arcface_scale, margin=config.arcface_margin)
        head.centre_on(data.targets.cpu(), data.labels.cpu())
        self.head = head.to(device)
        self.search = SearchLoss(data.targets, data.labels)
        self.degradation = GpuDegradation(device)
        self.averages = Averages(self.pair, config.average_decay)
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(edgeface.parameters()), "peak": config.backbone_learning_rate},
                {"params": list(dsr.parameters()), "peak": config.dsr_learning_rate},
                {"params": list(self.head.parameters()), "peak": config.head_learning_rate},
            ],
            weight_decay=config.weight_decay,
            betas=(0.9, 0.99),
            fused=device.type == "cuda",
        )
        self.step = 0
        self.forward: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] = self.pair
        if config.compile:
            self.forward = torch.compile(self.pair)  # type: ignore[assignment]

    def warm_up(self) -> None:
        """A step that changes nothing: what is compiled is compiled before the time runs."""
        batch = draw_batch(self.data, self.degradation, self.config, self.step)
        self._losses(batch, *self._forward(batch))["total"].backward()
        self.optimizer.zero_grad()
        if self.data.device.type == "cuda":
            torch.cuda.synchronize()

    def _forward(self, batch: GpuBatch) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.data.device.type, torch.bfloat16):
            restored, both = self.forward(
                batch.small.contiguous(memory_format=torch.channels_last),
                batch.face_px,
                batch.second.contiguous(memory_format=torch.channels_last),
            )
        return restored.float(), both.float()

    def take_step(self, rate: float, clock: Clock) -> dict[str, Tensor]:
        """Forward, backward, clip, step, average; nothing waits for the device.

        Args:
            rate: Share of the peak rates.
            clock: Told when each part ends.

        Returns:
            Each loss and the gradient's norm, on the device.
        """
        clock.mark("start")
        batch = draw_batch(self.data, self.degradation, self.config, self.step)
        clock.mark("degrade")
        restored, both = self._forward(batch)
        clock.mark("forward")
        losses = self._losses(batch, restored, both)
        clock.mark("losses")
        losses["total"].backward()
        clock.mark("backward")
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, self.config.max_gradient_norm)
        for p in parameters:
            if p.grad is not None:
                p.grad.nan_to_num_(0.0, 0.0, 0.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["peak"]
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.averages.follow(self.pair, self.step)
        clock.mark("update")
        self.step += 1
        return {name: value.detach() for name, value in losses.items()} | {"norm": norm}

    def _losses(self, batch: GpuBatch, restored: Tensor, both: Tensor) -> dict[str, Tensor]:
        config, data = self.config, self.data
        target = data.targets[batch.members]
        from_small, from_second = both.chunk(2)
        small_distance = 1 - F.cosine_similarity(from_small, target)
        second_distance = 1 - F.cosine_similarity(from_second, target)
        start, end = sharp_part(len(target))
        half = len(target) // 2
        clean, photographed = small_distance[:half].mean(), small_distance[half:].mean()
        of_sharp = second_distance[start:end].mean()
        of_soft = torch.cat((second_distance[:start], second_distance[end:])).mean()
        classification, right = self.head(from_small, data.labels[batch.members])
        search = 2 * self.search(both, batch.members.repeat(2))
        ensemble = data.ensemble[batch.members]
        alike = F.normalize(from_small) @ F.normalize(from_second).T
        relation = (alike - ensemble @ ensemble.T).square().mean()
        pixel = ((restored - batch.high).abs().mean(dim=(1, 2, 3)) * batch.comparable).mean()
        total = (
            config.arcface_weight * classification
            + config.distillation_weight * (clean + photographed) / 2
            + config.distillation_weight * of_soft
            + config.sharp_distillation_weight * of_sharp
            + config.search_weight * search
            + config.relation_weight * relation
            + config.pixel_weight * pixel
        )
        return {
            "total": total,
            "clean": clean,
            "photographed": photographed,
            "soft": of_soft,
            "sharp": of_sharp,
            "classification": classification,
            "right": right,
            "search": search,
            "relation": relation,
            "pixel": pixel,
        }

    def save(self, path: Path, spent_s: float) -> None:
        """Writes everything that a step depends on, whole or not at all."""
        incoming = path.with_suffix(".incoming")
        stored = {
            "step": self.step,
            "spent_s": spent_s,
            "pair": self.pair.state_dict(),
            "head": self.head.state_dict(),
            "averages": self.averages.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save(stored, incoming)
        incoming.replace(path)

    def restore(self, path: Path) -> float:
        """Goes on where `save` left off; returns the seconds that were spent."""
        stored = torch.load(path, map_location=self.data.device, weights_only=True)
        self.step = stored["step"]
        self.pair.load_state_dict(stored["pair"])
        self.head.load_state_dict(stored["head"])
        self.averages.load_state_dict(stored["averages"])
        self.optimizer.load_state_dict(stored["optimizer"])
        return float(stored["spent_s"])


Record = dict[str, float]


def train(
    training: GpuTraining, run: Path, budget_s: float, spent_s: float, look: Callable[[], Record]
) -> Iterator[Record]:
    """Trains until the time is spent; every so often looks, tells and leaves its networks.

    Args:
        training: Fresh or restored.
        run: Where checkpoints and networks go.
        budget_s: Seconds that the schedule lasts, earlier sittings counted in.
        spent_s: Seconds of the budget that are gone.
        look: Validates the averaged networks.

    Yields:
        The means since the last record, the rate, faces per second, each part's share of a step
        in ms, and what `look` found.

    Raises:
        NonFiniteLossError: The weights on disk are from before.
    """
    config = training.config
    began = time.monotonic() - spent_s
    sums: dict[str, Tensor] = {}
    clock, steps, last, next_look = Clock(training.data.device), 0, time.monotonic(), 0.0
    while True:
        now = time.monotonic()
        share = (now - began) / budget_s
        if steps and (share >= 1 or now - last >= next_look):
            parts = clock.parts_ms()
            seconds = time.monotonic() - last
            record = {name: float(value) / steps for name, value in sums.items()}
            write_run_networks(run, training.averages.dsr, training.averages.edgeface)
            found = look() if next_look or share >= 1 else {}
            if not share >= 1:
                training.save(run / "checkpoint.pt", now - began)
            yield {
                "step": training.step,
                "spent_s": round(now - began, 1),
                "rate": learning_rate(min(share, 1.0), config.warmup_share),
                "faces_per_s": round(config.batch_size * steps / seconds, 1),
                "memory_gb": round(_memory_gb(training.data.device), 2),
                **record,
                **{f"ms_{name}": round(ms / steps, 2) for name, ms in parts.items()},
                **found,
            }
            if share >= 1:
                return
            sums, clock, steps = {}, Clock(training.data.device), 0
            last, next_look = time.monotonic(), config.look_s
            continue
        losses = training.take_step(learning_rate(share, config.warmup_share), clock)
        for name, value in losses.items():
            sums[name] = sums[name] + value if name in sums else value.clone()
        steps += 1
        if steps % _CHECK_STEPS == 0 and training.data.device.type == "cuda":
            # Otherwise the queue runs ahead of the clock by minutes.
            torch.cuda.synchronize()


def learning_rate(share: float, warmup_share: float) -> float:
    """Share of the peak rate: a linear rise, then a cosine fall to zero."""
    if share < warmup_share:
        return share / warmup_share
    return 0.5 * (1 + math.cos(math.pi * (share - warmup_share) / (1 - warmup_share)))


def _memory_gb(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0


def _scaled(pixels: Tensor) -> Tensor:
    return pixels / _HALF_RANGE - 1
