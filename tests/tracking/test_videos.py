"""The tracker on simulated videos, through H.264, detector and networks."""

from pathlib import Path

import numpy as np
import pytest

from app.gallery.gallery import Enrolled, Gallery
from app.recognition.byte_budget import ByteBudget
from app.recognition.recognizer import Recognizer
from app.recognition.serving import Serving
from app.services.search import MemorySearch
from app.services.track_search import deciding
from app.tracking.events import Event, EventKind
from app.tracking.sighting import Sighting
from app.tracking.tracker import Tracker
from app.vision.bundle import load_bundle
from app.vision.detection import DEFAULT_POLICY
from app.vision.detector import Detector
from app.vision.embedder import Embedder, mean_embedding
from app.vision.photo_file import ImageLimits
from tests.conftest import TRAINED
from tests.simulated_video import FRAMES_PER_S, Visit, cut_out, frames, read_video, write_video

_SECONDS = 7.4
_KBIT_PER_S = (600, 150)
_LOOKED_FOR_PX = 20  # all are of 32; smaller ones would take longer


@pytest.fixture(scope="module")
def recognizer(centerface: Detector) -> Recognizer:
    return Recognizer(centerface, DEFAULT_POLICY, ImageLimits(), ByteBudget(10**9))


@pytest.fixture(scope="module")
def serving(recognizer: Recognizer, people: dict[str, list[bytes]]) -> Serving:
    """Three photos of each person enrolled, but not of karl and lena."""
    embedder = Embedder(load_bundle(TRAINED), "cpu")
    templates = []
    for person in ("anna", "bert", "carl", "dora"):
        crops = [recognizer.find(of, max_faces=1).faces[0].crop for of in people[person][:3]]
        templates.append((person, Enrolled(mean_embedding(embedder.embed(crops)[0]))))
    return Serving(embedder, Gallery(templates), 1e-4, 0.35)


def _visit(
    recognizer: Recognizer,
    people: dict[str, list[bytes]],
    person: str,
    path: list[tuple[float, float, float]],
    *,
    is_picture: bool = False,
) -> Visit:
    faces = [cut_out(recognizer, photo) for photo in people[person][3:6]]
    return Visit(person, [face for face in faces if face], 32, path, is_picture)


@pytest.mark.parametrize("kbit_per_s", _KBIT_PER_S)
async def test_each_visit_is_told_once_and_no_name_is_swapped_when_people_cross_and_return(
    recognizer: Recognizer,
    serving: Serving,
    people: dict[str, list[bytes]],
    tmp_path: Path,
    kbit_per_s: int,
) -> None:
    visits = [
        _visit(recognizer, people, "dora", [(0, 320, 40), (7.4, 320, 40)], is_picture=True),
        _visit(recognizer, people, "anna", [(0.2, 40, 120), (4.6, 600, 126)]),
        _visit(recognizer, people, "bert", [(0.2, 600, 122), (4.6, 40, 116)]),
        _visit(recognizer, people, "carl", [(0, 60, 300), (2, 300, 260)]),
        _visit(recognizer, people, "carl", [(5.4, 300, 260), (7.2, 60, 300)]),
    ]
    path = write_video(tmp_path / "video.mp4", frames(visits, _SECONDS, seed=1), kbit_per_s)
    tracker = Tracker(deciding(MemorySearch(), serving))
    events: list[Event] = []
    for number, picture in enumerate(read_video(path)):
        at_s = number / FRAMES_PER_S
        found = recognizer.find(picture, max_faces=20, min_face_px=_LOOKED_FOR_PX).faces
        embeddings, _ = serving.embedder.embed([face.crop for face in found])
        events += await tracker.see(
            at_s,
            [
                Sighting(at_s, face.face.box, embedding, face.quality)
                for face, embedding in zip(found, embeddings, strict=True)
            ],
        )
    events += await tracker.end()
    left = [of for of in events if of.kind is EventKind.LEFT]
    assert len(left) == len(visits)
    named = [(name, of.box[0]) for of in left if of.verdict and (name := of.verdict.user_id)]
    # Where they left says who they are.
    assert all(
        {"anna": x > 500, "bert": x < 100, "carl": x < 350, "dora": 250 < x < 350}[name]
        for name, x in named
    )
    enough = {"anna", "carl", "dora"} | ({"bert"} if kbit_per_s > min(_KBIT_PER_S) else set())
    assert {name for name, _ in named} >= enough
    assert [of.kind for of in events].count(EventKind.APPEARED) == len(visits)
    still = [of.moved for of in events if of.kind is EventKind.LEFT and of.moved < 0.5]
    assert len(still) == 1


def test_the_same_video_is_made_when_the_seed_is_the_same(
    recognizer: Recognizer, people: dict[str, list[bytes]]
) -> None:
    visit = _visit(recognizer, people, "anna", [(0, 40, 120), (1, 600, 126)])
    first, second, other = (list(frames([visit], 0.6, seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])
