"""Families that are never trained on: people whose photos are soft by nature.

Families in the Wild (`faces/train_family/fiwFFFF_MIDn`) has old photos that no shrinking made
soft. A tenth of the families is for validation from round five on, by a rule that needs no list.
"""

import hashlib

_ONE_IN = 10


def is_set_aside(person: str) -> bool:
    """Whether a person of `train_family` is kept for validation; whole families are.

    Args:
        person: The folder's name, `fiwFFFF_MIDn`.
    """
    family = person.split("_")[0]
    return int(hashlib.sha256(family.encode()).hexdigest(), 16) % _ONE_IN == 0
