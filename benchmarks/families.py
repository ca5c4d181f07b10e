"""Sets a tenth of the families aside for good: `python -m benchmarks.families FAMILIES RUNS`.

Families in the Wild (`faces/train_family/fiwFFFF_MIDn`) has old photos, which no shrinking made
soft. Makes RUNS/train_family and RUNS/val_family, folders of links to people; nobody in the second
may be trained on. A hash of the family's name decides, so there is no list to lose: 31 of 384
families, 101 of 1,186 people, 590 of 6,788 crops.
"""

import argparse
import hashlib
from pathlib import Path

from benchmarks.results import show

_ONE_IN = 10


def is_set_aside(person: str) -> bool:
    """Whether a person is kept for validation; whole families are.

    Args:
        person: The folder's name, `fiwFFFF_MIDn`.
    """
    family = person.split("_", maxsplit=1)[0]
    return int(hashlib.sha256(family.encode()).hexdigest(), 16) % _ONE_IN == 0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", type=Path)
    parser.add_argument("runs", type=Path)
    wanted = parser.parse_args()
    for person in sorted(wanted.families.iterdir()):
        part = "val_family" if is_set_aside(person.name) else "train_family"
        link = wanted.runs / part / person.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(person.resolve())
    for part in ("train_family", "val_family"):
        show(f"{part}: {len(list((wanted.runs / part).iterdir()))} people")


if __name__ == "__main__":
    main()
