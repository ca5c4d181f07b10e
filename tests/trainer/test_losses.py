import math

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss

from trainer.losses import ArcFaceHead, SearchLoss, cosine_distance


@pytest.mark.parametrize(("scale", "margin"), [(64.0, 0.5), (16.0, 0.2), (30.0, 1.2)])
def test_arcface_equals_an_independent_implementation(scale: float, margin: float) -> None:
    torch.manual_seed(0)
    head = ArcFaceHead(11, embedding_size=32, scale=scale, margin=margin)
    independent = ArcFaceLoss(11, 32, margin=math.degrees(margin), scale=scale)
    with torch.no_grad():
        # It keeps the centres as columns.
        independent.W.copy_(head.weight.T)
    embeddings, labels = torch.randn(40, 32), torch.randint(11, (40,))
    ours, theirs = embeddings.clone().requires_grad_(), embeddings.clone().requires_grad_()
    loss, expected = head(ours, labels)[0], independent(theirs, labels)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_arcface_keeps_rising_when_the_angle_with_its_margin_passes_pi() -> None:
    head = ArcFaceHead(2, embedding_size=3, margin=0.5).requires_grad_(requires_grad=False)
    # The embeddings turn away from the first centre and stay at right angles to the other.
    head.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    angles = torch.linspace(0.1, math.pi - 0.01, 60)
    embeddings = torch.stack((angles.cos(), angles.sin(), torch.zeros(60)), dim=1)
    losses = [float(head(embedding[None], torch.tensor([0]))[0]) for embedding in embeddings]
    assert losses == sorted(losses)


def test_gradient_is_finite_when_an_embedding_lies_on_its_centre() -> None:
    head = ArcFaceHead(3, embedding_size=8)
    embeddings = head.weight.detach().clone().requires_grad_()
    head(embeddings, torch.arange(3))[0].backward()
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def test_nameless_faces_do_not_count() -> None:
    torch.manual_seed(0)
    head = ArcFaceHead(5, embedding_size=16)
    embeddings = torch.randn(6, 16)
    labels = torch.tensor([0, 1, -1, 3, -1, 2])
    named = labels >= 0
    loss, right = head(embeddings, labels)
    loss_of_named, right_of_named = head(embeddings[named], labels[named])
    torch.testing.assert_close(loss * 6, loss_of_named * 4)
    torch.testing.assert_close(right * 6, right_of_named * 4)


def test_loss_is_zero_with_a_gradient_when_nobody_has_a_name() -> None:
    head = ArcFaceHead(5, embedding_size=16)
    loss, right = head(torch.randn(3, 16), torch.full((3,), -1))
    loss.backward()
    assert loss.item() == 0
    assert float(right) == 0
    assert head.weight.grad is not None
    assert not head.weight.grad.any()


def test_classes_start_at_the_mean_of_their_faces() -> None:
    torch.manual_seed(0)
    head = ArcFaceHead(4, embedding_size=16)
    before = head.weight.detach().clone()
    embeddings, labels = F.normalize(torch.randn(6, 16)), torch.tensor([0, 0, 1, -1, 3, 1])
    head.centre_on(embeddings, labels)
    for label, members in ((0, [0, 1]), (1, [2, 5]), (3, [4])):
        expected = F.normalize(embeddings[members].sum(dim=0), dim=0)
        torch.testing.assert_close(head.weight[label].detach(), expected)
    assert torch.equal(head.weight[2], before[2])


@pytest.mark.parametrize(("cosine", "distance"), [(1.0, 0.0), (0.0, 1.0), (-1.0, 2.0)])
def test_contrastive_loss_has_the_guides_numbers(cosine: float, distance: float) -> None:
    target = F.normalize(torch.randn(4, 512))
    other = F.normalize(torch.randn(4, 512))
    orthogonal = F.normalize(other - (other * target).sum(1, keepdim=True) * target)
    embeddings = cosine * target + math.sqrt(1 - cosine**2) * orthogonal
    # Only directions count.
    assert float(cosine_distance(7 * embeddings, target)) == pytest.approx(distance, abs=1e-6)


def test_search_loss_equals_an_independent_implementation() -> None:
    torch.manual_seed(0)
    gallery = F.normalize(torch.randn(9, 16))
    independent = CosFaceLoss(9, 16, margin=0.1, scale=64)
    with torch.no_grad():
        independent.W.copy_(gallery.T)
    embeddings, members = torch.randn(5, 16), torch.tensor([0, 8, 3, 3, 1])
    everybody_apart = SearchLoss(gallery, torch.full((9,), -1), alike=1.1)
    torch.testing.assert_close(
        everybody_apart(embeddings, members), independent(embeddings, members)
    )


def test_search_loss_does_not_mind_when_another_photo_of_the_person_is_nearer() -> None:
    gallery = torch.eye(4)
    embedding = torch.tensor([[0.0, 1.0, 0.0, 0.0]])
    member = torch.tensor([0])
    same = SearchLoss(gallery, torch.tensor([5, 5, 2, -1]))(embedding, member)
    other = SearchLoss(gallery, torch.tensor([5, 6, 2, -1]))(embedding, member)
    nameless = SearchLoss(gallery, torch.tensor([-1, -1, -1, -1]))(embedding, member)
    assert float(same) < 10 < float(other)
    torch.testing.assert_close(other, nameless)


def test_search_loss_does_not_mind_when_somebody_nearer_looks_like_the_same_person() -> None:
    twin = torch.tensor([0.5, 0.75**0.5])
    gallery = torch.stack((torch.tensor([1.0, 0.0]), twin))
    nobody = torch.tensor([-1, -1])
    member = torch.tensor([0])
    assert float(SearchLoss(gallery, nobody, alike=0.4)(twin[None], member)) < 1e-6
    assert float(SearchLoss(gallery, nobody, alike=0.6)(twin[None], member)) > 10
