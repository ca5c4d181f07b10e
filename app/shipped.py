"""What Farsight ships besides code: bundles of weights, and migrations.

In a wheel it is inside this package (pyproject.toml puts it there), in a checkout beside it.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def _folder(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


BUNDLES = _folder("weights")
MIGRATIONS = _folder("alembic")
