"""A teacher may be any ONNX file that maps 112x112 crops to embeddings."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from app.vision.onnx_export import export_edgeface
from trainer.config import TeacherInput
from trainer.crops import load_crops
from trainer.errors import TeacherError
from trainer.metrics import embed
from trainer.networks import read_edgeface
from trainer.teacher import OnnxTeacher, read_teacher

Said = Callable[..., str]
CPU = torch.device("cpu")


def write_mean_colour(path: Path, shape: list[int | str]) -> Path:
    """A network whose embedding of a crop is the mean of each channel."""
    axes = [1, 2] if shape[-1] == 3 else [2, 3]
    node = helper.make_node("ReduceMean", ["crop", "axes"], ["mean"], keepdims=0)
    graph = helper.make_graph(
        [node],
        "mean",
        [helper.make_tensor_value_info("crop", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, [shape[0], 3])],
        [helper.make_tensor("axes", TensorProto.INT64, [2], axes)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    "shape", [["n", 3, 112, 112], [1, 3, 112, 112], [2, 112, 112, 3], ["n", 112, 112, 3]]
)
@pytest.mark.parametrize("takes", ["rgb", "bgr", "rgb255", "bgr255"])
def test_network_is_given_pixels_as_it_takes_them(
    tmp_path: Path, shape: list[int | str], takes: TeacherInput
) -> None:
    colours = np.array([[250, 30, 10], [0, 200, 100], [90, 20, 255]], np.uint8)
    crops = np.broadcast_to(colours[:, None, None], (3, 112, 112, 3)).copy()
    found = OnnxTeacher(write_mean_colour(tmp_path / "mean.onnx", shape), takes)(crops)
    seen = colours.astype(np.float32)
    if takes in {"rgb", "bgr"}:
        seen = seen / 127.5 - 1
    if takes in {"bgr", "bgr255"}:
        seen = seen[:, ::-1]
    expected = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_edgeface_teaches_the_same_from_an_onnx_file(
    people: Path, networks: Path, tmp_path: Path
) -> None:
    edgeface = read_edgeface(networks)
    path = tmp_path / "edgeface.onnx"
    path.write_bytes(export_edgeface(edgeface))
    pixels = load_crops([people / "val"]).pixels
    teacher, sha256 = read_teacher(path, "rgb", CPU)
    np.testing.assert_allclose(teacher(pixels), embed(edgeface, pixels), atol=1e-4)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_finetune_learns_from_an_onnx_file(
    commanded: Said, people: Path, networks: Path, tmp_path: Path
) -> None:
    path = tmp_path / "teacher.onnx"
    path.write_bytes(export_edgeface(read_edgeface(networks)))
    words = ["--train-dir", people / "train", "--val-dir", people / "val", "--device", "cpu"]
    words += ["--edgeface", networks, "--dsr", networks, "--batch-size", 8]
    words += ["--max-impostor-mean", 1, "--stage1-epochs", 0, "--stage2-epochs", 1]
    commanded("finetune", *words, "--teacher", path, "--out", tmp_path / "run")
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance["start_sha256"]["teacher"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "run" / "edgeface.safetensors").is_file()


def test_embeddings_of_another_size_teach_relations_alone(tmp_path: Path) -> None:
    path = write_mean_colour(tmp_path / "mean.onnx", ["n", 3, 112, 112])
    with pytest.raises(TeacherError, match="of 3 numbers, EdgeFace of 512"):
        read_teacher(path, "rgb", CPU)
    teacher, _ = read_teacher(path, "rgb", CPU, size=None)
    assert teacher(np.ones((5, 112, 112, 3), np.uint8)).shape == (5, 3)


def test_file_that_takes_no_crops_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(b"noise")
    with pytest.raises(TeacherError, match="not an ONNX file"):
        read_teacher(tmp_path / "noise.onnx", "rgb", CPU)
    with pytest.raises(TeacherError, match="does not take 112x112 crops"):
        read_teacher(write_mean_colour(tmp_path / "64.onnx", ["n", 3, 64, 64]), "rgb", CPU)
