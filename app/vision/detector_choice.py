"""Which detector finds the faces."""

import logging
from pathlib import Path
from typing import Literal

from app.errors import ModelFileError
from app.vision.model_files import CENTERFACE, YUNET, ModelFile, checked, fetch_once

DetectorName = Literal["auto", "yunet", "centerface"]

_log = logging.getLogger(__name__)


def choose_detector(name: DetectorName, folder: Path, *, offline: bool) -> ModelFile:
    """The file that a detector's name stands for; the caller finds out whether it is there.

    Args:
        name: `auto` is YuNet, whose file is fetched if it is missing, and CenterFace, with a
            warning, if that fails: CenterFace can be had wherever PyPI can.
        folder: Of detectors.
        offline: Fetch nothing.

    Returns:
        YUNET or CENTERFACE.
    """
    if name == "auto":
        return YUNET if _have_yunet(folder, offline=offline) else CENTERFACE
    return YUNET if name == "yunet" else CENTERFACE


def _have_yunet(folder: Path, *, offline: bool) -> bool:
    # An existing file counts, whatever is in it: a damaged one must stop the start.
    if (folder / YUNET.name).exists():
        return True
    try:
        get = checked if offline else fetch_once
        get(YUNET, folder)
    except ModelFileError as error:
        _log.warning(
            "CenterFace finds the faces, several times slower than YuNet would. %s",
            error,
        )
        return False
    return True
