"""Figures per person: who is missed, and who is mistaken for whom."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.evaluation.verification import Doubles


@dataclass(frozen=True, slots=True)
class BestMatches:
    """What a search among all templates without the probe finds for each of n probes.

    Attributes:
        owner: (n,) the number of the person on the probe.
        has_mate: (n,) whether there is such a template of this person.
        genuine: (n,) highest similarity to one; NOT_COMPARABLE where there is none or the probe
            has no face.
        impostor: (n,) highest similarity to a template of somebody else, likewise.
        rival: (n,) the number of the person whose template that is.
    """

    owner: NDArray[np.int64]
    has_mate: NDArray[np.bool_]
    genuine: Doubles
    impostor: Doubles
    rival: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PersonFigures:
    """How one person's probes fare when everybody's other photos are enrolled.

    Attributes:
        person: The name.
        photos: Probes of this person; each is one photo unless frames are pooled.
        missed: Probes for which the person is not found: nobody reaches the threshold, or somebody
            else is more similar. Where no template is without the probe, only the latter.
        taken_for: How many of the probes are taken for somebody else, by that person's name, most
            frequent first.
    """

    person: str
    photos: int
    missed: int
    taken_for: Mapping[str, int]


def person_figures(
    matches: BestMatches, names: Sequence[str], threshold: float
) -> list[PersonFigures]:
    """The figures of all who have a probe; those missed most (as a share) come first.

    Args:
        matches: Of n probes.
        names: Of the people, by their numbers in `matches`.
        threshold: From this similarity on two photos count as one person.
    """
    taken = (matches.impostor >= threshold) & (matches.impostor >= matches.genuine)
    missed = taken | ((matches.genuine < threshold) & matches.has_mate)
    owners = matches.owner.tolist()
    photos, misses = Counter(owners), Counter[int]()
    taken_for: dict[int, Counter[str]] = {owner: Counter() for owner in photos}
    for row in np.flatnonzero(missed).tolist():
        misses[owners[row]] += 1
        if taken[row]:
            taken_for[owners[row]][names[matches.rival[row]]] += 1
    figures = [
        PersonFigures(names[owner], n, misses[owner], dict(taken_for[owner].most_common()))
        for owner, n in photos.items()
    ]
    return sorted(figures, key=lambda of: (-of.missed / of.photos, -of.missed, of.person))
