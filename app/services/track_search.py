"""Whose track it is: asked wherever users are looked for."""

from collections.abc import Sequence

from app.gallery.gallery import Groups
from app.recognition.decision import decide_track, how_many
from app.recognition.serving import Serving
from app.services.search import Search
from app.tracking.events import Verdict
from app.tracking.sighting import Sighting, pooled
from app.tracking.tracker import Decide


def deciding(
    search: Search,
    serving: Serving,
    threshold: float | None = None,
    groups: Groups | None = None,
) -> Decide:
    """What decides tracks of one serving; see decide_track and Search.best."""

    async def decide(sightings: Sequence[Sighting]) -> Verdict:
        size = serving.template_px(each.quality.face_px for each in sightings)
        probe = pooled(sightings)
        (matches,) = await search.best(serving, [probe], how_many(0), groups, [size])
        return decide_track(serving, sightings, probe, matches, threshold=threshold)

    return decide
