"""YuNet's published graph, changed to take pictures of any size and give two maps per stride.

The published graph takes 640x640 px. Its four heads look at the same map, with one to ten channels
each, and onnxruntime computes sixteen at a time: put together they are sixteen and cost what one of
them did. The answers are the same, up to rounding.
"""

from itertools import takewhile
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

STRIDES_PX = (8, 16, 32)
OUTPUTS = tuple(f"{of}_{stride_px}" for stride_px in STRIDES_PX for of in ("score", "place"))
"""For each stride: (1, rows, columns), how certain a face is; and (1, 14, rows, columns), four
numbers for its box and ten for its landmarks."""

_HEADS = ("cls", "obj", "bbox", "kps")
_HEADS_WEIGHTS = "bbox_head."
# How many channels tell the score, and how many the place.
_SCORES, _PLACE = 2, 14


def of_any_size(path: Path) -> bytes:
    """The graph of `face_detection_yunet_2023mar.onnx`, in the form that onnxruntime runs."""
    model = onnx.load(str(path))
    graph = model.graph
    _, _, height, width = graph.input[0].type.tensor_type.shape.dim
    height.dim_param, width.dim_param = "height", "width"
    body = list(takewhile(lambda node: not _is_of_head(node), graph.node))
    heads = [node for level in range(len(STRIDES_PX)) for node in _heads(graph, level)]
    del graph.node[:], graph.output[:], graph.value_info[:]
    graph.node.extend([*body, *heads])
    graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in OUTPUTS
    )
    return bytes(model.SerializeToString())


def _is_of_head(node: NodeProto) -> bool:
    return any(name.startswith(_HEADS_WEIGHTS) for name in node.input)


def _heads(graph: GraphProto, level: int) -> list[NodeProto]:
    """The heads of a stride: channels are mixed at each place, and each is smoothed by itself."""
    weights = {each.name: each for each in graph.initializer}
    parts = []
    for part in ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"):
        names = [f"{_HEADS_WEIGHTS}multi_level_{head}.{level}.{part}" for head in _HEADS]
        together = np.concatenate([numpy_helper.to_array(weights[name]) for name in names])
        parts.append(f"heads.{level}.{part}")
        graph.initializer.append(numpy_helper.from_array(together, parts[-1]))
    first = f"{_HEADS_WEIGHTS}multi_level_{_HEADS[0]}.{level}.conv1.weight"
    (seen,) = [node.input[0] for node in graph.node if first in node.input]
    mixed, smoothed, scores, sure, product = (
        f"{of}.{level}" for of in ("mixed", "smoothed", "scores", "sure", "product")
    )
    score, place = OUTPUTS[2 * level : 2 * level + 2]
    return [
        helper.make_node("Conv", [seen, *parts[:2]], [mixed], kernel_shape=[1, 1]),
        helper.make_node(
            "Conv",
            [mixed, *parts[2:]],
            [smoothed],
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            group=_SCORES + _PLACE,
        ),
        helper.make_node("Split", [smoothed], [scores, place], axis=1, split=[_SCORES, _PLACE]),
        helper.make_node("Sigmoid", [scores], [sure]),
        helper.make_node("ReduceProd", [sure], [product], axes=[1], keepdims=0),
        helper.make_node("Sqrt", [product], [score]),
    ]
