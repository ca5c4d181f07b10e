"""Tiny faces, tiny networks: a run of all stages in seconds."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from trainer.__main__ import main
from trainer.config import DsrConfig, EpochEngine, FinetuneConfig
from trainer.networks import write_run_networks

Refused = Callable[..., str]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """So little work is slower on several, above all while the machine does something else."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/ (4 people x 4 crops) and val/ (3 x 3): coloured blobs, one pattern per person."""
    root = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(7)
    for part, count, photos in (("train", 4, 4), ("val", 3, 3)):
        for person in range(count):
            pattern = rng.uniform(0, 255, (7, 7, 3))
            folder = root / part / f"{part}{person}"
            folder.mkdir(parents=True)
            for photo in range(photos):
                varied = (pattern + rng.normal(0, 25, pattern.shape)).clip(0, 255)
                crop = cv2.resize(
                    varied.astype(np.uint8), (112, 112), interpolation=cv2.INTER_CUBIC
                )
                cv2.imwrite(str(folder / f"{photo}.png"), crop)
    return root


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained EdgeFace-XXS and a tiny DSR, as a run leaves them."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(3)
    write_run_networks(folder, DSR(channels=8, blocks=2), EdgeFace("edgeface_xxs"))
    return folder


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    fabric.launch()
    return fabric


@pytest.fixture(scope="session")
def engine() -> EpochEngine:
    """Strangers may be alike: EdgeFace is untrained here."""
    return EpochEngine(
        device="cpu", precision="32-true", batch_size=4, checkpoint_steps=3, max_impostor_mean=1.0
    )


@pytest.fixture(scope="session")
def dsr_config(engine: EpochEngine) -> DsrConfig:
    """Two epochs of four steps."""
    return DsrConfig(epochs=2, channels=8, blocks=2, engine=engine)


@pytest.fixture(scope="session")
def finetune_config(engine: EpochEngine) -> FinetuneConfig:
    """One epoch of stage 1 and two of stage 2, of four steps each."""
    return FinetuneConfig(
        stage1_epochs=1,
        stage2_epochs=2,
        engine=replace(engine, seed=2),
    )


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must end with exit code 2; returns what it said on stderr."""

    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["trainer", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 2
        return capsys.readouterr().err

    return run


@pytest.fixture
def commanded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs a command that must succeed; returns what it said on stdout."""

    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["trainer", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        assert stopped.value.code == 0, said.err
        return said.out

    return run
