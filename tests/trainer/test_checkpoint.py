from pathlib import Path
from typing import BinaryIO

import pytest
import torch
from torch import nn

from trainer.checkpoint import Checkpoint, Place


def trained(value: float) -> tuple[nn.Linear, torch.optim.AdamW]:
    """A network of known weights with a used optimizer."""
    module = nn.Linear(2, 1)
    nn.init.constant_(module.weight, value)
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return module, optimizer


def test_restored_stage_is_the_saved_one(tmp_path: Path) -> None:
    module, optimizer = trained(5.0)
    place = Place(epoch=2, step=7, sums={"Total": 0.1}, best_score=0.5, best={"w": torch.ones(2)})
    Checkpoint(tmp_path).save("dsr", module, optimizer, place)
    other, other_optimizer = trained(0.0)
    restored = Checkpoint(tmp_path).restore("dsr", other, other_optimizer)
    assert (restored.epoch, restored.step, restored.sums) == (2, 7, {"Total": 0.1})
    assert restored.best_score == 0.5
    assert torch.equal(other.weight, module.weight)
    assert str(other_optimizer.state_dict()) == str(optimizer.state_dict())


def test_stage_that_has_not_begun_is_left_as_it_is(tmp_path: Path) -> None:
    Checkpoint(tmp_path).save("stage1", *trained(5.0), Place(epoch=1))
    module, optimizer = trained(0.0)
    before = module.weight.clone()
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.stage == "stage1"
    assert checkpoint.restore("stage2", module, optimizer) == Place()
    assert torch.equal(module.weight, before)


def test_crash_while_writing_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save("dsr", *trained(5.0), Place(epoch=3))

    def torn(stored: object, file: BinaryIO) -> None:
        file.write(b"half of a checkpoint")
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", torn)
        with pytest.raises(OSError, match="no space"):
            checkpoint.save("dsr", *trained(6.0), Place(epoch=4))
    module, optimizer = trained(0.0)
    assert Checkpoint(tmp_path).restore("dsr", module, optimizer).epoch == 3
    checkpoint.save("dsr", *trained(6.0), Place(epoch=4))
    assert Checkpoint(tmp_path).restore("dsr", module, optimizer).epoch == 4


def test_accuracy_counts_faces_with_names_alone() -> None:
    place = Place()
    # 1 of 2 named faces right, then nobody named, then 4 of 4.
    for right, named in ((0.25, 0.5), (0.0, 0.0), (1.0, 1.0)):
        losses = {"Total": 2.0, "Acc": right, "Named": named}
        place.add(losses)
    assert place.means() == {"Total": 2.0, "Acc": pytest.approx(5 / 6)}
