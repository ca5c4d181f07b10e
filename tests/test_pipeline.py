"""The Python API: its documentation runs; tests/api/test_same_answers.py has the rest."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from app.errors import (
    BundleError,
    DeviceError,
    GalleryFileError,
    InvalidRequestError,
    NoFaceError,
    SpaceMismatchError,
    UnreadableImageError,
    UserNotFoundError,
)
from app.gallery.file import read_gallery, write_gallery
from app.gallery.portable import PortableGallery, PortablePhoto, PortableUser
from app.pipeline import (
    Pipeline,
    PipelineConfig,
    build_pipeline,
    load_gallery,
    mean_embedding,
    save_gallery,
)
from app.vision.image import decode_image

ROOT = Path(__file__).parents[1]
# The example of the issue, word for word.
ISSUE = """
from pathlib import Path
from app.pipeline import PipelineConfig, build_pipeline, load_gallery, save_gallery

pipeline = build_pipeline(PipelineConfig(device="cuda"))
load_gallery(pipeline, Path("my_gallery.pt"))
result = pipeline.run("test_image.jpg")
print(result["identity"], result["score"])
pipeline.gallery.labels, pipeline.gallery.size
sr = pipeline.upscale(photo)              # what DSR makes of the face
embedding = pipeline.infer_embedding(sr)  # 512 float32, unit length
pipeline.gallery.add("new_user", mean_embedding)
save_gallery(pipeline, Path("my_gallery.pt"))
"""


@pytest.fixture
def notebook(
    sample_photos: dict[str, Path], detectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder to work in, with photos under the names of the examples."""
    monkeypatch.setenv("FARSIGHT_BUNDLES", str(ROOT / "weights"))
    monkeypatch.setenv("FARSIGHT_DETECTORS", str(detectors))
    monkeypatch.chdir(tmp_path)
    for name, source in {
        "obama2.jpg": "obama2.jpg",
        "obama3.jpg": "obama3.jpg",
        "test_image.jpg": "obama.jpg",
        "another.jpg": "biden.jpg",
        "several.jpg": "t1.jpg",
    }.items():
        shutil.copy(sample_photos[source], tmp_path / name)
    return tmp_path


@pytest.fixture(scope="module")
def pipeline(stock_bundle: Path, detectors: Path) -> Pipeline:
    return build_pipeline(PipelineConfig(device="cpu", bundle=stock_bundle, detectors=detectors))


@pytest.fixture(autouse=True)
def _empty_gallery(pipeline: Pipeline) -> None:
    for label in pipeline.gallery.labels:
        pipeline.gallery.remove(label)


def test_documentation_runs_as_written(notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = (ROOT / "docs" / "python_api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out.splitlines()
    identity, score = printed[0].split()
    assert identity == "barack"
    assert float(score) > 0.35
    assert len(printed) == 10  # six people in the photo of several
    assert printed[-3:] == ["0 12.0", "0.6", "['barack']"]
    gallery = read_gallery(notebook / "my_gallery.pt")
    assert [user.user_id for user in gallery.users] == ["barack", "new_user"]
    assert gallery.users[0].display_name == "Barack Obama"


def test_example_of_the_issue_runs_as_written(
    notebook: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_pipeline(PipelineConfig(device="auto"))
    embedding = first.run("obama2.jpg")["embedding"]
    assert embedding is not None
    first.gallery.add("obama", embedding)
    save_gallery(first, Path("my_gallery.pt"))
    names = {"photo": "another.jpg", "mean_embedding": embedding[::-1]}
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="finds no GPU"):
            exec(ISSUE, dict(names))
        assert ISSUE.count('device="cuda"') == 1
    example = ISSUE if torch.cuda.is_available() else ISSUE.replace('"cuda"', '"auto"')
    exec(example, names)
    assert capsys.readouterr().out.startswith("obama 0.")
    assert [user.user_id for user in read_gallery(Path("my_gallery.pt")).users] == [
        "obama",
        "new_user",
    ]


def test_photo_is_the_same_as_path_bytes_and_array(
    pipeline: Pipeline, people: dict[str, list[bytes]], tmp_path: Path
) -> None:
    content = people["carl"][0]
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    embeddings = [
        pipeline.run(photo)["embedding"]
        for photo in (path, str(path), content, decode_image(content))
    ]
    assert len(embeddings) == 4
    first = embeddings[0]
    assert first is not None
    for embedding in embeddings:
        assert embedding is not None
        assert np.array_equal(embedding, first)


def test_nobody_is_found_when_there_is_no_face(pipeline: Pipeline) -> None:
    empty = np.full((60, 80, 3), 128, np.uint8)
    result = pipeline.run(empty)
    assert (result["identity"], result["score"], result["faces"]) == (None, None, [])
    assert result["faces_found"] == 0
    with pytest.raises(NoFaceError):
        pipeline.upscale(empty)


def test_photo_is_read_as_the_upright_one_when_it_lies_turned(
    pipeline: Pipeline, people: dict[str, list[bytes]]
) -> None:
    upright = decode_image(people["carl"][0])
    plain = pipeline.run(upright)
    assert (plain["rotation_deg"], plain["searched_from_px"]) == (0, 16.0)
    turned = pipeline.run(np.ascontiguousarray(np.rot90(upright)))
    assert turned["rotation_deg"] == 90
    assert plain["embedding"] is not None
    assert turned["embedding"] is not None
    assert plain["embedding"] @ turned["embedding"] > 0.9


def test_smallest_face_is_the_one_asked_for_when_it_is_one(
    pipeline: Pipeline, people: dict[str, list[bytes]]
) -> None:
    photo = people["carl"][0]
    assert pipeline.run(photo, min_face_px=40)["searched_from_px"] == 40
    assert pipeline.run(photo, detect=False)["searched_from_px"] is None
    for no_size in (0, -16, 7.9, 1001, float("nan")):
        with pytest.raises(InvalidRequestError, match="from 8 to 1000"):
            pipeline.run(photo, min_face_px=no_size)
    large = np.full((4000, 4000, 3), 128, np.uint8)
    with pytest.raises(InvalidRequestError) as refused:
        pipeline.run(large, min_face_px=12)
    assert refused.value.facts == {"min_face_px": 12.7}


def test_score_is_none_when_the_gallery_is_empty(
    pipeline: Pipeline, people: dict[str, list[bytes]]
) -> None:
    result = pipeline.run(people["carl"][0])
    assert (result["identity"], result["score"], result["margin"]) == (None, None, None)
    assert len(result["faces"]) == 1


def test_threshold_decides_whether_it_is_a_stranger(
    pipeline: Pipeline, people: dict[str, list[bytes]]
) -> None:
    embedding = pipeline.run(people["carl"][0])["embedding"]
    assert embedding is not None
    pipeline.gallery.add("anna", embedding)
    probe = people["carl"][1]
    score = pipeline.run(probe)["score"]
    assert score is not None
    assert pipeline.run(probe, threshold=score - 0.01)["identity"] == "anna"
    assert pipeline.run(probe, threshold=score + 0.01)["identity"] is None


def test_crop_is_embedded_alike_when_it_comes_again(
    pipeline: Pipeline, people: dict[str, list[bytes]]
) -> None:
    result = pipeline.run(people["carl"][0])
    crop, embedding = result["crop"], result["embedding"]
    assert crop is not None
    assert embedding is not None
    again = pipeline.infer_embedding(crop)
    assert again.shape == (512,)
    assert again.dtype == np.float32
    assert np.abs(again - embedding).max() < 1e-6
    # The stock bundle has no DSR.
    assert np.array_equal(pipeline.upscale(people["carl"][0]), crop)
    assert np.array_equal(pipeline.upscale(crop, detect=False), crop)


@pytest.mark.parametrize(
    "photo",
    [
        "nothing.jpg",
        b"no image",
        np.zeros((10, 10), np.uint8),
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((10, 10, 3), np.float32),
    ],
)
def test_photo_is_refused_when_it_is_none(pipeline: Pipeline, photo: object) -> None:
    with pytest.raises(UnreadableImageError):
        pipeline.run(photo)  # type: ignore[arg-type]  # what a notebook may hand in


def test_crop_is_refused_when_it_is_none(pipeline: Pipeline) -> None:
    for crop in (np.zeros((112, 112, 3), np.float32), np.zeros((56, 56, 3), np.uint8)):
        with pytest.raises(UnreadableImageError):
            pipeline.infer_embedding(crop)  # type: ignore[arg-type]  # what a notebook may hand in


def test_gallery_refuses_what_it_could_not_save(pipeline: Pipeline) -> None:
    gallery = pipeline.gallery
    for label, vector in [
        ("", np.ones(512)),
        ("no/name", np.ones(512)),
        ("anna", np.zeros(512)),
        ("anna", np.ones(511)),
        ("anna", np.full(512, np.nan)),
    ]:
        with pytest.raises(InvalidRequestError):
            gallery.add(label, vector)
    assert gallery.size == 0
    gallery.add("anna", np.ones(512) * 3)
    gallery.add("anna", -np.ones(512))
    assert (gallery.labels, gallery.size) == (["anna"], 1)
    assert np.allclose(gallery.get("anna").template, -(512**-0.5))
    gallery.remove("anna")
    with pytest.raises(UserNotFoundError):
        gallery.remove("anna")


@pytest.fixture
def elsewhere(pipeline: Pipeline, people: dict[str, list[bytes]]) -> PortableGallery:
    """Two people in another space, with their crops."""
    users = []
    for name in ("carl", "anna"):
        photos: list[PortablePhoto] = []
        for content in people[name][:3]:
            face = pipeline.run(content)["faces"][0]  # one has a passer-by far behind
            wrong = np.roll(face["embedding"], 1)
            photos.append(_photo(face["crop"], wrong, face["face_px"], pipeline, len(photos)))
        template = mean_embedding([photo.embedding for photo in photos])
        users.append(PortableUser(name, template, 3, photos=tuple(photos)))
    return PortableGallery("0" * 16, "other", tuple(users))


def _photo(
    crop: np.ndarray, embedding: np.ndarray, face_px: float, pipeline: Pipeline, index: int
) -> PortablePhoto:
    _, png = cv2.imencode(".png", crop[:, :, ::-1])
    quality = pipeline.run(crop, detect=False)["quality"]
    assert quality is not None
    return PortablePhoto(embedding, png.tobytes(), face_px, quality, f"{index:064x}")


def test_file_of_another_space_is_embedded_anew_when_it_has_crops(
    pipeline: Pipeline,
    elsewhere: PortableGallery,
    people: dict[str, list[bytes]],
    tmp_path: Path,
) -> None:
    path = tmp_path / "gallery"
    write_gallery(path, elsewhere)
    load_gallery(pipeline, path)
    assert pipeline.gallery.labels == ["carl", "anna"]
    for name in pipeline.gallery.labels:
        fresh = mean_embedding(
            [
                face["embedding"]
                for photo in people[name][:3]
                for face in pipeline.run(photo, max_faces=1)["faces"]
            ]
        )
        assert np.abs(pipeline.gallery.get(name).template - fresh).max() < 1e-6
    save_gallery(pipeline, path)
    assert read_gallery(path).space_id == pipeline.space_id


def test_gallery_is_as_before_when_a_file_is_refused(
    pipeline: Pipeline, elsewhere: PortableGallery, tmp_path: Path
) -> None:
    pipeline.gallery.add("anna", np.ones(512))
    path = tmp_path / "gallery"
    without = replace(elsewhere.users[1].photos[0], crop_png=None)
    second = replace(elsewhere.users[1], photos=(without, *elsewhere.users[1].photos[1:]))
    write_gallery(path, replace(elsewhere, users=(elsewhere.users[0], second)))
    with pytest.raises(SpaceMismatchError, match="without the crops of user 'anna'"):
        load_gallery(pipeline, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(GalleryFileError):
        load_gallery(pipeline, path)
    assert pipeline.gallery.labels == ["anna"]


def test_pipeline_is_refused_when_the_bundle_is_missing(detectors: Path) -> None:
    for bundle in ("nothing", Path("nothing")):
        with pytest.raises(BundleError):
            build_pipeline(PipelineConfig(device="cpu", bundle=bundle, detectors=detectors))
