"""Folders that cannot be written, for root as well."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def without_the_right_to_write(folder: Path) -> Iterator[None]:
    """Root may write everywhere, so that it has to become somebody else."""
    for place in (folder, *folder.iterdir()):
        place.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
