"""Whether the index of a database finds whom comparing everybody finds."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import enrolled, pointer
from app.db.session import Sessions
from app.errors import NotReadyError
from app.gallery.gallery import Gallery
from app.progress import Advance
from app.services.enrolled_sample import draw, vectors_of
from app.services.search import search_rows
from app.services.switching import read_gallery

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recall:
    """What came of one kind of probes.

    Attributes:
        probes: `stored photos`, or how similar they were made to a user's template.
        searches: How many.
        found: For how many the index named the user who is the most similar of all.
        index_ms: A search by the index, median.
        exact_ms: A search in memory that compares everybody, median.
    """

    probes: str
    searches: int
    found: int
    index_ms: float
    exact_ms: float

    @property
    def share(self) -> float:
        """Found, of those searched."""
        return self.found / self.searches


async def measure_recall(
    sessions: Sessions, at_most: int, similarities: Sequence[float], advance: Advance
) -> list[Recall]:
    """Searches with the same probes in both ways.

    Probes are stored photos of some users, and vectors of a chosen similarity to their templates
    that point anywhere else, as a photo of so many pixels does.

    Args:
        sessions: Of PostgreSQL. Every template is read into memory.
        at_most: Users.
        similarities: Of the vectors.
        advance: Told how many searches are done, of how many.

    Raises:
        NotReadyError: Nobody is enrolled.
        DatabaseDamagedError: A template is damaged.
        SettingsError: The database has no index for search.
    """
    async with sessions.read() as session:
        active = await pointer.active_bundle(session)
        users = await enrolled.users_in_space(session, active.space_id) if active else []
    if active is None or not users:
        raise NotReadyError("Nobody is enrolled, so there is nothing to search.")
    await sessions.index_templates(active.space_id)
    async with sessions.read() as session:
        gallery = await read_gallery(session, active.space_id)
        sample = await enrolled.photos_in_space(
            session, active.space_id, draw(users, at_most), per_user=1
        )
    generator = np.random.default_rng(0)
    templates = [gallery.template(of.user_id) for of in sample]
    known = np.stack([template for template in templates if template is not None])
    kinds = {"stored photos": vectors_of(sample)}
    for similarity in similarities:
        kinds[f"similarity {similarity:g}"] = probes_at(known, similarity, generator)
    found: list[Recall] = []
    for number, (name, probes) in enumerate(kinds.items()):

        def tell(done: int, base: int = number * len(probes)) -> None:
            advance(base + done, len(kinds) * len(known))

        found.append(await _measure(sessions, active.space_id, gallery, name, list(probes), tell))
    return found


async def _measure(
    sessions: Sessions,
    space_id: str,
    gallery: Gallery,
    name: str,
    probes: Sequence[Vectors],
    tell: Callable[[int], None],
) -> Recall:
    hits, index_s, exact_s = 0, [], []
    async with sessions.read() as session:
        for number, probe in enumerate(probes):
            began_s = perf_counter()
            by_index = await search_rows(session, space_id, probe, 1)
            between_s = perf_counter()
            exactly = await asyncio.to_thread(gallery.search, probe, 1)
            index_s.append(between_s - began_s)
            exact_s.append(perf_counter() - between_s)
            hits += by_index[0].user_id == exactly[0].user_id
            tell(number + 1)
    return Recall(name, len(probes), hits, 1000 * median(index_s), 1000 * median(exact_s))


def probes_at(templates: Vectors, similarity: float, generator: np.random.Generator) -> Vectors:
    """Vectors of unit length, each with a similarity to its template."""
    others = generator.normal(size=templates.shape).astype(np.float32)
    others -= np.vecdot(others, templates)[:, None] * templates
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    probes = similarity * templates + (1 - similarity**2) ** 0.5 * others
    return np.asarray(probes / np.linalg.norm(probes, axis=1, keepdims=True), np.float32)
