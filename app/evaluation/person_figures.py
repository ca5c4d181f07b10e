"""Figures per person: who is missed, and who is mistaken for whom."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.evaluation.verification import Doubles


@dataclass(frozen=True, slots=True)
class BestMatches:
    """What a search among all other photos finds for each of n probes.

    Attributes:
        genuine: (n,) highest similarity to another photo of the same person; NOT_COMPARABLE where
            there is none or the probe has no face.
        impostor: (n,) highest similarity to a photo of somebody else, likewise.
        rival: (n,) the number of the person whose photo that is.
    """

    genuine: Doubles
    impostor: Doubles
    rival: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PersonFigures:
    """How one person's photos fare as probes when everybody's other photos are enrolled.

    Attributes:
        person: The name.
        photos: Of this person.
        missed: Photos for which the person is not found: nobody reaches the threshold, or somebody
            else is more similar.
        taken_for: How many of the photos are taken for somebody else, by that person's name, most
            frequent first.
    """

    person: str
    photos: int
    missed: int
    taken_for: Mapping[str, int]


def person_figures(
    matches: BestMatches, people: Sequence[str], threshold: float
) -> list[PersonFigures]:
    """Everybody's figures; those missed most (as a share of their photos) come first.

    Args:
        matches: Of n probes.
        people: (n,) who is on each probe; numbered by first appearance in `matches.rival`.
        threshold: From this similarity on two photos count as one person.
    """
    names = list(dict.fromkeys(people))
    taken = (matches.impostor >= threshold) & (matches.impostor >= matches.genuine)
    missed = taken | (matches.genuine < threshold)
    photos, misses = Counter(people), Counter[str]()
    taken_for: dict[str, Counter[str]] = {name: Counter() for name in names}
    for row in np.flatnonzero(missed).tolist():
        misses[people[row]] += 1
        if taken[row]:
            taken_for[people[row]][names[matches.rival[row]]] += 1
    figures = [
        PersonFigures(name, photos[name], misses[name], dict(taken_for[name].most_common()))
        for name in names
    ]
    return sorted(figures, key=lambda of: (-of.missed / of.photos, -of.missed, of.person))
