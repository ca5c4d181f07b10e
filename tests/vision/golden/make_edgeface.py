"""Makes `edgeface.npz` beside this file: what the reference implementation answers.

The reference is timm's EdgeNeXt with its linear layers replaced as the EdgeFace paper says. timm
does not import beside the project's torch, so this runs in an environment of its own:

    pip install torch==2.14.1 torchvision==0.29.1 timm==1.0.31
    python tests/vision/golden/make_edgeface.py ../shared/weights ~/.cache/farsight/samples
"""

import sys
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

HERE = Path(__file__).parent
CHECKPOINTS = {
    "edgeface_xxs_q": "edgenext_xx_small",
    "edgeface_xs_q": "edgenext_x_small",
}
VARIANTS = {
    "edgeface_xxs": ("edgenext_xx_small", None),
    "edgeface_xs": ("edgenext_x_small", None),
    "edgeface_xs_gamma_06": ("edgenext_x_small", 0.6),
    "edgeface_s_gamma_05": ("edgenext_small", 0.5),
    "edgeface_base": ("edgenext_base", None),
}


class LowRank(nn.Module):
    def __init__(self, whole: nn.Linear, ratio: float) -> None:
        super().__init__()
        rank = max(2, int(min(whole.in_features, whole.out_features) * ratio))
        self.linear1 = nn.Linear(whole.in_features, rank, bias=False)
        self.linear2 = nn.Linear(rank, whole.out_features)

    def forward(self, x: Tensor) -> Tensor:
        thin: Tensor = self.linear2(self.linear1(x))
        return thin


# Photo, left, top and side of a square around a face, by hand: no detector has a part in this.
FACES = (
    ("astronaut.png", 166, 62, 116),
    ("biden.jpg", 400, 200, 330),
    ("obama.jpg", 350, 110, 280),
    ("t1.jpg", 262, 150, 120),
)


def crops(samples: Path) -> Tensor:
    """Noise, then faces of the sample photos, (8, 3, 112, 112) in [-1, 1]."""
    noise = np.random.default_rng(7).integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    faces = []
    for name, left, top, side in FACES:
        with Image.open(samples / name) as photo:
            square = photo.convert("RGB").crop((left, top, left + side, top + side))
        faces.append(np.asarray(square.resize((112, 112), Image.Resampling.BICUBIC)))
    pixels = torch.from_numpy(np.concatenate((noise, np.stack(faces))))
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def made_up_weights(shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Weights that anybody can make again: seeded, name by name."""
    rng = np.random.default_rng(11)
    weights = {}
    for name in sorted(shapes):
        offset = 0.5 if "gamma" in name or "norm" in name else 0.0
        values = rng.standard_normal(tuple(shapes[name])) * 0.1 + offset
        weights[name] = torch.from_numpy(values.astype(np.float32))
    return weights


def dequantised(path: Path) -> dict[str, Tensor]:
    weights = {}
    for name, value in torch.load(path, weights_only=True).items():
        if name.endswith("._packed_params._packed_params"):
            layer = name.removesuffix("._packed_params._packed_params")
            weights[f"{layer}.weight"], weights[f"{layer}.bias"] = value[0].dequantize(), value[1]
        elif not name.endswith((".scale", ".zero_point", "._packed_params.dtype")):
            weights[name] = value
    return weights


def thin_out(module: nn.Module, ratio: float) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, LowRank(child, ratio))
        else:
            thin_out(child, ratio)


def reference(architecture: str, ratio: float | None) -> nn.Module:
    import timm  # type: ignore[import-not-found]  # noqa: PLC0415  # only where it is installed

    network = timm.create_model(architecture)
    network.reset_classifier(512)
    if ratio is not None:
        thin_out(network, ratio)
    return nn.Sequential(OrderedDict(model=network)).eval()


@torch.inference_mode()
def embed(network: nn.Module, weights: dict[str, Tensor], samples: Path) -> NDArray[np.float32]:
    network.load_state_dict(weights, strict=True)
    return nn.functional.normalize(network(crops(samples))).numpy()


def main() -> None:
    golden = {}
    published, samples = Path(sys.argv[1]), Path(sys.argv[2])
    for name, architecture in CHECKPOINTS.items():
        weights = dequantised(published / f"{name}.pt")
        golden[name] = embed(reference(architecture, None), weights, samples)
    for name, (architecture, ratio) in VARIANTS.items():
        network = reference(architecture, ratio)
        shapes = {key: value.shape for key, value in network.state_dict().items()}
        golden[name] = embed(network, made_up_weights(shapes), samples)
    # The stub of savez takes every keyword for its own `allow_pickle`.
    np.savez_compressed(HERE / "edgeface.npz", **golden)  # type: ignore[arg-type]  # numpy's stubs


if __name__ == "__main__":
    main()
