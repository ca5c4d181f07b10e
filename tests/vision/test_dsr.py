import pytest
import torch

from app.vision.dsr import DSR


@pytest.fixture
def trained() -> DSR:
    """Stands in for a trained network: one whose last layer is not zero."""
    torch.manual_seed(3)
    network = DSR(channels=16, blocks=2, heads=2)
    torch.nn.init.normal_(network.exit.weight, std=0.02)
    return network.eval()


def crops(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 112, 112, generator=torch.Generator().manual_seed(5)) * 2 - 1


@torch.inference_mode()
def test_crop_passes_unchanged_when_network_is_untrained() -> None:
    network = DSR(channels=16, blocks=2, heads=2)
    assert torch.equal(network(crops(), torch.tensor([16.0, 40.0])), crops())


@torch.inference_mode()
def test_answer_differs_when_face_px_differs(trained: DSR) -> None:
    small, large = (trained(crops(1), torch.tensor([px])) for px in (12.0, 48.0))
    assert (small - large).abs().max() > 1e-4


@torch.inference_mode()
@pytest.mark.parametrize(("beyond", "limit"), [(2.0, 8.0), (500.0, 64.0)])
def test_face_px_is_clamped_when_out_of_range(trained: DSR, beyond: float, limit: float) -> None:
    answers = [trained(crops(1), torch.tensor([px])) for px in (beyond, limit)]
    assert torch.equal(*answers)


@torch.inference_mode()
def test_answer_is_the_same_when_batched(trained: DSR) -> None:
    face_px = torch.tensor([12.0, 30.0, 60.0])
    together = trained(crops(3), face_px)
    alone = torch.cat([trained(c[None], px[None]) for c, px in zip(crops(3), face_px, strict=True)])
    assert (together - alone).abs().max() < 1e-5


def test_every_parameter_has_a_gradient_when_trained(trained: DSR) -> None:
    trained(crops(), torch.tensor([16.0, 40.0])).square().mean().backward()
    silent = [name for name, p in trained.named_parameters() if p.grad is None or not p.grad.any()]
    # The key's bias cancels in the softmax, but shares its layer with the value's.
    assert silent == []
