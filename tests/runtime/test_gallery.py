"""The gallery against a dictionary that is searched by hand."""

import numpy as np
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.runtime.gallery import Gallery
from app.vision.edgeface import EMBEDDING_SIZE

_USERS = st.sampled_from([f"user-{index}" for index in range(40)])
_SEEDS = st.integers(0, 1000)


def _embedding(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(EMBEDDING_SIZE)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class GalleryAgainstDictionary(RuleBasedStateMachine):
    """40 users are more than a new gallery has room for, so that it must grow on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.gallery = Gallery()
        self.templates: dict[str, np.ndarray] = {}
        self.revision = 0

    @rule(user_id=_USERS, seed=_SEEDS)
    def upsert(self, user_id: str, seed: int) -> None:
        self.revision += 1
        self.gallery.follow({user_id: _embedding(seed)}, self.revision)
        self.templates[user_id] = _embedding(seed)

    @rule(first=_SEEDS)
    def upsert_everybody(self, first: int) -> None:
        for index in range(40):
            self.upsert(f"user-{index}", first + index)

    @rule(user_id=_USERS)
    def remove(self, user_id: str) -> None:
        self.revision += 1
        self.gallery.follow({user_id: None}, self.revision)
        self.templates.pop(user_id, None)

    @rule(changed=st.dictionaries(_USERS, _SEEDS), gone=st.sets(_USERS))
    def catch_up_with_others(self, changed: dict[str, int], gone: set[str]) -> None:
        """Another process has changed the rows several times."""
        self.revision += 3
        young = {user_id: _embedding(seed) for user_id, seed in changed.items()}
        self.templates |= young
        for user_id in gone:
            self.templates.pop(user_id, None)
        # A user who went is in the list of changes no more.
        left = {user_id: vector for user_id, vector in young.items() if user_id not in gone}
        self.gallery.catch_up(left, set(self.templates), self.revision)

    @rule(seed=_SEEDS, top_k=st.integers(0, 60))
    def search(self, seed: int, top_k: int) -> None:
        probe = _embedding(seed)
        matches = self.gallery.search(probe, top_k)
        by_hand = {user_id: float(t @ probe) for user_id, t in self.templates.items()}
        best = sorted(by_hand.values(), reverse=True)[:top_k]
        assert np.allclose([match.similarity for match in matches], best, atol=1e-5)
        assert len({match.user_id for match in matches}) == len(best)
        for match in matches:
            assert abs(by_hand[match.user_id] - match.similarity) < 1e-5

    @invariant()
    def holds_what_the_dictionary_holds(self) -> None:
        assert len(self.gallery) == len(self.templates)
        assert self.gallery.revision == self.revision
        for user_id, template in self.templates.items():
            found = self.gallery.template(user_id)
            assert found is not None
            assert np.array_equal(found, template)


TestGalleryAgainstDictionary = GalleryAgainstDictionary.TestCase
TestGalleryAgainstDictionary.settings = hypothesis_settings(max_examples=30, deadline=None)


def test_template_is_a_copy_when_the_row_changes_later() -> None:
    gallery = Gallery([("anna", _embedding(1)), ("bert", _embedding(2))])
    template = gallery.template("anna")
    gallery.follow({"anna": None}, revision=1)
    assert template is not None
    assert np.array_equal(template, _embedding(1))
    assert gallery.template("anna") is None


def test_revision_stays_when_somebody_else_has_changed_the_rows_in_between() -> None:
    gallery = Gallery([("anna", _embedding(1))], revision=4)
    gallery.follow({"bert": _embedding(2)}, revision=6)
    assert len(gallery) == 2
    assert gallery.revision == 4, "revision 5 is still to be read"
    gallery.catch_up({"carl": _embedding(3)}, None, revision=6)
    assert (len(gallery), gallery.revision) == (3, 6)
