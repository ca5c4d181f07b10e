"""Writes an LFW-like pairs.txt for a folder of people.

python -m benchmarks.make_pairs ROOT PAIRS.txt [--folds 10] [--per-kind 300] [--seed 0]

As in LFW, the folds share no person. Photo numbers count a folder's files by name, from 1, which is
how `evaluate` reads folders that do not follow LFW's file names.
"""

import argparse
import itertools
import random
from pathlib import Path

from app.evaluation.photo_sets import read_people


def make_pairs(counts: dict[str, int], folds: int, per_kind: int, seed: int) -> list[str]:
    """The lines of a pairs.txt.

    Args:
        counts: How many photos each person has.
        folds: How many folds; each has people of its own.
        per_kind: Genuine pairs per fold, and as many impostor pairs.
        seed: Decides which.

    Raises:
        ValueError: A fold's people have too few photos for so many different pairs.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    people = sorted(counts)
    rng.shuffle(people)
    lines = [f"{folds} {per_kind}"]
    for fold in range(folds):
        members = people[fold::folds]
        genuine = [
            f"{name}\t{i}\t{j}"
            for name in members
            for i, j in itertools.combinations(range(1, counts[name] + 1), 2)
        ]
        impostor = [
            f"{name}\t{i}\t{other}\t{j}"
            for name, other in itertools.combinations(members, 2)
            for i in range(1, counts[name] + 1)
            for j in range(1, counts[other] + 1)
        ]
        lines += rng.sample(genuine, per_kind) + rng.sample(impostor, per_kind)
    return lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--per-kind", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    photos = read_people(wanted.root)
    counts: dict[str, int] = {}
    for photo in photos:
        counts[photo.person] = counts.get(photo.person, 0) + 1
    lines = make_pairs(counts, wanted.folds, wanted.per_kind, wanted.seed)
    wanted.pairs.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
