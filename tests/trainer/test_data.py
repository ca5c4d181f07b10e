import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from app.vision import scaling
from trainer.crops import NO_PERSON, clean_labels, load_crops
from trainer.data import Batch, Batches, to_input
from trainer.degradation import Degradation
from trainer.errors import DataError
from trainer.metrics import Validation

CPU = torch.device("cpu")


def batches(people: Path, batch_size: int = 4, rank: int = 0, world_size: int = 1) -> Batches:
    crops = load_crops([people / "train"])
    targets = np.random.default_rng(0).normal(size=(len(crops), 8)).astype(np.float32)
    return Batches(crops, targets, Degradation(), batch_size, 1, rank, world_size)


def epoch(batches: Batches, number: int, first_step: int = 0) -> list[Batch]:
    return list(batches.read_ahead((number, first_step), number + 1, workers=0))


def test_crops_carry_names_digests_and_rgb_pixels(people: Path, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "named" / name).mkdir(parents=True)
        for photo in range(2):
            red = np.zeros((112, 112, 3), np.uint8)
            red[:, :, 2] = 255 - photo  # OpenCV writes BGR
            cv2.imwrite(str(tmp_path / "named" / name / f"{photo}.png"), red)
    crops = load_crops([tmp_path / "named"], [people / "train"], [people / "val" / "val0"])
    assert len(crops) == 4 + 16 + 3
    assert crops.people == ["a", "b", "train0", "train1", "train2", "train3"]
    assert crops.labels.tolist() == [0, 0, 1, 1, *np.repeat([2, 3, 4, 5], 4), *[NO_PERSON] * 3]
    assert crops.sharp.tolist() == [True] * 4 + [False] * 16 + [True] * 3
    assert crops.pixels[0, 5, 5].tolist() == [255, 0, 0]
    assert len(crops.data_list.splitlines()) == 23


def test_data_list_hash_follows_contents_and_names(people: Path, tmp_path: Path) -> None:
    shutil.copytree(people / "train", tmp_path / "train")
    before = load_crops([people / "train"]).data_list_sha256
    assert load_crops([tmp_path / "train"]).data_list_sha256 == before
    (tmp_path / "train" / "train0" / "0.png").rename(tmp_path / "train" / "train0" / "new.png")
    assert load_crops([tmp_path / "train"]).data_list_sha256 != before


def test_photo_unlike_its_person_loses_its_name(people: Path) -> None:
    crops = load_crops([people / "train"])
    embeddings = np.eye(4, 8, dtype=np.float32)[crops.labels]
    embeddings[2] = np.eye(8, dtype=np.float32)[7]
    cleaned = clean_labels(crops, embeddings, 0.25)
    assert np.flatnonzero(cleaned.labels == NO_PERSON).tolist() == [2]


def test_same_seed_gives_the_same_batches(people: Path) -> None:
    twice = (epoch(batches(people), 3) for _ in range(2))
    for one, other in zip(*twice, strict=True):
        assert one.files == other.files
        torch.testing.assert_close(one.low, other.low, rtol=0, atol=0)
        torch.testing.assert_close(one.target, other.target, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on few cores
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_workers_read_ahead_over_epochs_from_any_step(people: Path, workers: int) -> None:
    drawn = list(batches(people).read_ahead((1, 2), 3, workers))
    expected = epoch(batches(people), 1)[2:] + epoch(batches(people), 2)
    assert len(drawn) == len(expected) == 6
    for one, other in zip(drawn, expected, strict=True):
        assert one.files == other.files
        torch.testing.assert_close(one.low, other.low, rtol=0, atol=0)
        torch.testing.assert_close(one.high, other.high, rtol=0, atol=0)


def test_reading_leaves_torchs_chance_alone(people: Path) -> None:
    before = torch.get_rng_state()
    list(batches(people).read_ahead((0, 0), 1, workers=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_pixels_are_scaled_as_the_service_scales_them() -> None:
    every = np.arange(256, dtype=np.uint8).repeat(49 * 3).reshape(1, 112, 112, 3)
    ours = to_input(torch.from_numpy(every).permute(0, 3, 1, 2))
    assert np.array_equal(ours.numpy(), scaling.to_input(every))
    assert ours.is_contiguous(memory_format=torch.channels_last)


def test_every_crop_comes_once_per_epoch_in_another_order(people: Path) -> None:
    orders = [
        [file for batch in epoch(batches(people), number) for file in batch.files]
        for number in range(2)
    ]
    assert len(orders[0]) == 16
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]


def test_epoch_from_a_step_on_is_the_rest_of_the_epoch(people: Path) -> None:
    whole, rest = epoch(batches(people), 0), epoch(batches(people), 0, first_step=3)
    assert len(rest) == 1
    torch.testing.assert_close(rest[0].low, whole[3].low, rtol=0, atol=0)


def test_processes_share_each_batch(people: Path) -> None:
    whole = epoch(batches(people), 0)
    shares = [epoch(batches(people, rank=rank, world_size=2), 0) for rank in range(2)]
    assert len(whole) == 4
    for step, batch in enumerate(whole):
        files = [file for share in shares for file in share[step].files]
        assert sorted(files) == sorted(batch.files)
        low = torch.cat([share[step].low for share in shares])
        order = [files.index(file) for file in batch.files]
        torch.testing.assert_close(low[order], batch.low, rtol=0, atol=0)


def test_some_crops_are_mirrored_and_all_keep_their_own_target(people: Path) -> None:
    crops = load_crops([people / "train"])
    targets = np.arange(16, dtype=np.float32)[:, None]
    clean = Degradation(clean=1.0, min_face_px=112, max_face_px=112)
    drawn = epoch(Batches(crops, targets, clean, 16, 1), 0)[0].to(CPU)
    mirrored = 0
    for index, file in enumerate(drawn.files):
        member = crops.files.index(file)
        assert int(drawn.members[index]) == member
        assert float(drawn.target[index, 0]) == member
        seen = (drawn.high[index].permute(1, 2, 0) * 127.5 + 127.5).round()
        plain = torch.from_numpy(crops.pixels[member]).float()
        mirrored += not torch.equal(seen, plain)
        assert torch.equal(seen, plain) or torch.equal(seen, plain.flip(1))
    assert 0 < mirrored < 16


@pytest.mark.parametrize(("batch_size", "world_size"), [(17, 1), (3, 2)])
def test_batch_that_cannot_be_made_is_refused(
    people: Path, batch_size: int, world_size: int
) -> None:
    with pytest.raises(DataError, match="batch"):
        batches(people, batch_size, world_size=world_size)


def test_validation_takes_at_most_so_many_photos_of_each(people: Path) -> None:
    validation = Validation(load_crops([people / "val"]), photos_per_person=2)
    assert validation.photos == 6
