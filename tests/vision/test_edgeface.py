"""EdgeFace against the reference implementation (golden/make_edgeface.py made the answers)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from app.errors import BundleError
from app.vision.edgeface import VARIANTS, EdgeFace
from app.vision.published import read_published
from tests.vision.golden.make_edgeface import HERE, crops, made_up_weights

GOLDEN = np.load(HERE / "edgeface.npz")
PUBLISHED = {"edgeface_xxs_q": "edgeface_xxs", "edgeface_xs_q": "edgeface_xs"}


Embed = Callable[[EdgeFace], NDArray[np.float32]]


@pytest.fixture(scope="module")
def embed(sample_photos: dict[str, Path]) -> Embed:
    """Embeds the crops of the golden file: four of noise, four of faces."""
    pixels = crops(sample_photos["astronaut.png"].parent)

    @torch.inference_mode()
    def embed(network: EdgeFace) -> NDArray[np.float32]:
        return F.normalize(network(pixels)).numpy()

    return embed


def test_golden_file_is_complete_when_listed() -> None:
    assert len(GOLDEN.files) == 7
    assert set(GOLDEN.files) == {*VARIANTS, *PUBLISHED}


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_embeddings_equal_the_reference_when_weights_are_made_up(
    variant: str, embed: Embed
) -> None:
    network = EdgeFace(variant)
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    network.load_state_dict(made_up_weights(shapes), strict=True)
    assert np.abs(embed(network.eval()) - GOLDEN[variant]).max() < 1e-5


@pytest.mark.research
@pytest.mark.parametrize("checkpoint", sorted(PUBLISHED))
def test_embeddings_equal_the_reference_when_checkpoint_is_published(
    checkpoint: str, shared: Path, embed: Embed
) -> None:
    network = read_published(shared / "weights" / f"{checkpoint}.pt")
    assert network.variant == PUBLISHED[checkpoint]
    assert np.abs(embed(network) - GOLDEN[checkpoint]).max() < 1e-5


def test_parameters_are_as_many_as_in_the_paper_when_counted() -> None:
    counts = {name: sum(p.numel() for p in EdgeFace(name).parameters()) for name in VARIANTS}
    assert counts["edgeface_xxs"] == 1_244_744
    assert counts["edgeface_xs_gamma_06"] == 1_770_492
    assert counts["edgeface_s_gamma_05"] == 3_652_520
    assert counts["edgeface_base"] == 18_225_812


def test_memory_format_leaves_embeddings_alone_when_changed(embed: Embed) -> None:
    network = EdgeFace("edgeface_xxs").eval()
    plain = embed(network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stub lacks it
    assert np.abs(embed(network) - plain).max() < 1e-6


@pytest.mark.parametrize(
    "content",
    [b"", b"no checkpoint at all", b"PK\x03\x04 an archive cut short"],
    ids=["empty", "text", "truncated"],
)
def test_import_is_refused_when_file_is_no_checkpoint(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.pt"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"some\.pt"):
        read_published(path)


def test_import_is_refused_when_pickle_would_run_code(tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path(tmp_path / "ran").touch, ())

    path = tmp_path / "bad.pt"
    torch.save({"model.stem.0.weight": Malicious()}, path)
    with pytest.raises(BundleError):
        read_published(path)
    assert not (tmp_path / "ran").exists()


def test_import_is_refused_when_tensors_fit_no_variant(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"model.stem.0.weight": torch.zeros(3)}, path)
    with pytest.raises(BundleError, match="fits none"):
        read_published(path)
