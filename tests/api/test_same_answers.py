"""The Python API and the service answer alike."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from app.pipeline import PipelineConfig, build_pipeline, mean_embedding

if TYPE_CHECKING:
    from tests.api.conftest import Service


def test_answers_are_those_of_the_service(
    service: "Service", people: dict[str, list[bytes]], stock_bundle: Path, detectors: Path
) -> None:
    pipeline = build_pipeline(
        PipelineConfig(device="cpu", bundle=stock_bundle, detectors=detectors)
    )
    for name in ("carl", "anna"):
        assert service.register(name, people[name][:4]).status_code == 201
        embeddings = [pipeline.run(photo)["embedding"] for photo in people[name][:4]]
        pipeline.gallery.add(name, mean_embedding([e for e in embeddings if e is not None]))
    probes = [photos[index] for photos in list(people.values())[:4] for index in (5, 6)]
    named = 0
    for probe in probes:
        (served,) = service.identify(probe, top_k="2").json()["faces"]
        (face,) = pipeline.run(probe, top_k=2)["faces"]
        named += face["identity"] is not None
        assert face["identity"] == served["user_id"]
        assert face["threshold"] == served["threshold"]
        assert face["route"] == served["route"]
        assert abs(face["face_px"] - served["face_px"]) < 1e-6
        assert abs((face["score"] or 0) - served["similarity"]) < 1e-6
        assert abs((face["margin"] or 0) - served["margin"]) < 1e-6
        assert [label for label, _ in face["candidates"]] == [
            candidate["user_id"] for candidate in served["candidates"]
        ]
        assert face["landmarks"].tolist() == served["landmarks"]
        quality = asdict(face["quality"])
        assert quality.pop("face_px") == face["face_px"]
        assert quality == served["quality"]
    assert named == 4
