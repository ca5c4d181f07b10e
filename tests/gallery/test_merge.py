"""Two galleries put together and told apart."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from app.errors import SpaceMismatchError, UserExistsError
from app.gallery.merge import OnConflict, diff_galleries, merge_galleries
from app.gallery.portable import PortableGallery, PortableUser

Embed = Callable[[int], np.ndarray]


def _gallery(embedding_of: Embed, **seeds: int) -> PortableGallery:
    users = (PortableUser(name, embedding_of(seed), 1) for name, seed in seeds.items())
    return PortableGallery("0" * 16, "stock", tuple(users))


def test_everybody_is_in_the_merged_gallery_when_nobody_is_in_both(embedding_of: Embed) -> None:
    merged = merge_galleries(
        _gallery(embedding_of, anna=1, bert=2), _gallery(embedding_of, carl=3), OnConflict.REFUSE
    )
    assert diff_galleries(merged, _gallery(embedding_of, anna=1, bert=2, carl=3)).is_none


@pytest.mark.parametrize(("on_conflict", "seed"), [("skip", 1), ("replace", 9)])
def test_user_of_both_is_kept_or_replaced(embedding_of: Embed, on_conflict: str, seed: int) -> None:
    merged = merge_galleries(
        _gallery(embedding_of, anna=1, bert=2),
        _gallery(embedding_of, carl=3, anna=9),
        OnConflict(on_conflict),
    )
    assert diff_galleries(merged, _gallery(embedding_of, anna=seed, bert=2, carl=3)).is_none


def test_merge_is_refused_when_a_user_is_in_both(embedding_of: Embed) -> None:
    first = _gallery(embedding_of, anna=1, bert=2)
    with pytest.raises(UserExistsError, match="2 of the users"):
        merge_galleries(first, first, OnConflict.REFUSE)


def test_difference_names_everybody_who_differs(embedding_of: Embed) -> None:
    found = diff_galleries(
        _gallery(embedding_of, anna=1, bert=2, carl=3),
        _gallery(embedding_of, dora=4, bert=5, carl=3),
    )
    assert (found.only_first, found.only_second) == (["anna"], ["dora"])
    (changed,) = found.changed
    assert changed.user_id == "bert"
    assert abs(changed.similarity - float(embedding_of(2) @ embedding_of(5))) < 1e-6
    assert not found.is_none


def test_template_differs_when_less_alike_than_rounding(embedding_of: Embed) -> None:
    first = _gallery(embedding_of, anna=1)
    for distance, differs in [(1e-4, False), (3e-3, True)]:  # similarity 1 - distance^2 / 2
        moved = first.users[0].template + distance * embedding_of(2)
        template = np.asarray(moved / np.linalg.norm(moved), dtype=np.float32)
        second = replace(first, users=(replace(first.users[0], template=template),))
        assert bool(diff_galleries(first, second).changed) is differs


def test_galleries_of_two_spaces_are_never_compared(embedding_of: Embed) -> None:
    first = _gallery(embedding_of, anna=1)
    second = replace(first, space_id="1" * 16)
    with pytest.raises(SpaceMismatchError):
        diff_galleries(first, second)
    with pytest.raises(SpaceMismatchError):
        merge_galleries(first, second, OnConflict.SKIP)
