import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from app.vision.shrinking import shrink_and_enlarge
from trainer.gpu_degradation import GpuDegradation
from trainer.gpu_jpeg import Jpeg

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def degradation() -> GpuDegradation:
    return GpuDegradation(CPU)


def faces(count: int, seed: int = 0) -> Tensor:
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 14, 14, 3), dtype=np.uint8)
    crops = [cv2.resize(crop, (112, 112), interpolation=cv2.INTER_CUBIC) for crop in coarse]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()


def chance(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_clean_views_are_those_of_the_evaluation_protocol(degradation: GpuDegradation) -> None:
    crops, sizes = faces(4), torch.tensor([8, 16, 33, 112])
    views = degradation.shrink_and_enlarge(crops, sizes).permute(0, 2, 3, 1).numpy()
    for crop, size, view in zip(crops, sizes, views, strict=True):
        pixels = crop.permute(1, 2, 0).numpy().astype(np.uint8)
        expected = shrink_and_enlarge(pixels, int(size)).astype(np.float32)
        assert np.abs(view - expected).max() <= 2
        assert np.abs(view - expected).mean() < 0.02


def test_photographed_views_are_images_and_the_seed_decides_them(
    degradation: GpuDegradation,
) -> None:
    crops = faces(24)
    before = crops.clone()
    sizes = degradation.draw_face_px(24, 8, 48, chance())
    assert ((sizes >= 8) & (sizes <= 48)).all()
    view = degradation.photograph(crops, sizes, chance(3), max_px=48)
    again = degradation.photograph(crops, sizes, chance(3), max_px=48)
    other = degradation.photograph(crops, sizes, chance(4), max_px=48)
    assert view.pixels.shape == (24, 3, 112, 112)
    assert torch.equal(view.pixels, view.pixels.round().clamp(0, 255))
    assert torch.equal(view.pixels, again.pixels)
    assert not torch.equal(view.pixels, other.pixels)
    assert torch.equal(crops, before)


def test_views_stay_finite_when_sharpening_overshoots_black(degradation: GpuDegradation) -> None:
    # A dark dot in the light, sharpened, is far below zero; sensor noise takes a root of the light.
    dots = torch.full((32, 3, 112, 112), 255.0)
    dots[..., ::14, ::14] = 0
    view = degradation.photograph(dots, torch.full((32,), 112), chance())
    assert torch.isfinite(view.pixels).all()


def test_a_face_stays_in_its_place_when_landmarks_do_not_err(degradation: GpuDegradation) -> None:
    crops = faces(24)
    view = degradation.photograph(crops, torch.full((24,), 56), chance())
    plain = degradation.shrink_and_enlarge(crops, torch.full((24,), 20))
    seen, expected = (
        (part - part.mean(dim=(2, 3), keepdim=True)).flatten(1) for part in (view.pixels, plain)
    )
    likeness = torch.cosine_similarity(seen, expected)
    assert 0 < view.aligned.sum() < 24
    assert likeness[view.aligned > 0].min() > likeness[view.aligned == 0].min()
    assert likeness[view.aligned > 0].median() > 0.8


@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("quality", [20, 80])
def test_jpeg_loses_what_jpeg_loses(quality: int, halved: bool) -> None:
    picture = faces(1)[..., :64, :64]
    lost = Jpeg(CPU).compress(picture, torch.tensor([float(quality)]), torch.tensor([halved]))
    original = picture[0].permute(1, 2, 0).numpy()
    stream = io.BytesIO()
    image = Image.fromarray(original.astype(np.uint8))
    image.save(stream, "JPEG", quality=quality, subsampling="4:2:0" if halved else "4:4:4")
    expected = np.asarray(Image.open(stream)).astype(np.float32) - original
    found = lost[0].permute(1, 2, 0).numpy() - original
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9
    assert np.abs(found).mean() == pytest.approx(np.abs(expected).mean(), rel=0.15)
