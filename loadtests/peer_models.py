"""The demonstration's models in the forms that other pipelines take: the same weights behind other inputs and outputs.

Other pipelines read SCRFD and not YuNet, and feed their models in one way each. What is added are a few operations on
numbers at both ends of a graph, so that whoever runs it finds the same faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from operators.heads import STRIDES

ANCHORS = 2  # rows of each cell in SCRFD's outputs
_FED = "fed"
_MOST = 20.0  # as `operators.yunet` bounds the logarithm of a size
_RGB_TO_BGR = [2, 1, 0]


@dataclass(frozen=True, slots=True)
class Feed:
    """How pixels become a network's input.

    Attributes:
        colour: Order of the channels.
        mean: Subtracted from each; one number for all, or one for each in that order.
        scale: Divides each after that; see `mean`.
    """

    colour: Literal["bgr", "rgb"]
    mean: float | tuple[float, float, float]
    scale: float | tuple[float, float, float]

    def planes(self, colour: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Mean and scale of each channel, (3, 1, 1), in an order."""
        turn = 1 if colour == self.colour else -1
        mean, scale = (np.broadcast_to(np.array(each, np.float64), 3)[::turn] for each in (self.mean, self.scale))
        return mean.reshape(3, 1, 1), scale.reshape(3, 1, 1)


RAW = Feed("bgr", 0.0, 1.0)


@dataclass(slots=True)
class _Wires:
    """Nodes and constants that are put before or behind a graph."""

    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: object) -> str:
        """A node with one output; its name says nothing, since some pipelines guess a model's feed by names."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"form_{output}", **attributes))
        return output

    def constant(self, name: str, value: object, kind: type = np.float32) -> str:
        """A constant."""
        self.constants.append(numpy_helper.from_array(np.array(value, kind), name))
        return name


def with_feed(model: bytes, feed: Feed, own: Feed) -> bytes:
    """A graph that is fed in another way than its own; the same file where the ways are the same.

    Args:
        model: The ONNX file.
        feed: How it will be fed.
        own: How it was trained to be fed.
    """
    if feed == own:
        return model
    loaded = onnx.load_model_from_string(model)
    _feed(loaded.graph, feed, own)
    return _written(loaded)


def as_scrfd(yunet: bytes, feed: Feed) -> bytes:
    """A YuNet with the outputs of an SCRFD: confidences, distances to the sides, landmarks, for strides 8, 16, 32.

    Args:
        yunet: The ONNX file; it takes BGR from 0 to 255.
        feed: How it will be fed.
    """
    loaded = onnx.load_model_from_string(yunet)
    graph = loaded.graph
    _feed(graph, feed, RAW)
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    wires = _Wires()
    zero, one, half, most = (
        wires.constant(name, value) for name, value in (("zero", 0.0), ("one", 1.0), ("half", 0.5), ("most", _MOST))
    )
    for stride in STRIDES:
        sure = [wires.add("Clip", [f"{kind}_{stride}", zero, one], f"sure_{kind}_{stride}") for kind in ("cls", "obj")]
        both = wires.add("Sqrt", [wires.add("Mul", sure, f"product_{stride}")], f"both_{stride}")
        nobody = wires.add("Mul", [both, zero], f"nobody_{stride}")
        _rows(wires, [both, nobody], 1, f"confidence_{stride}")
        middle, size = f"middle_{stride}", f"size_{stride}"
        wires.nodes.append(helper.make_node("Split", [f"bbox_{stride}"], [middle, size], name=f"form_{middle}", axis=2))
        wide = wires.add("Exp", [wires.add("Min", [size, most], f"bounded_{stride}")], f"wide_{stride}")
        away = wires.add("Mul", [wide, half], f"away_{stride}")
        sides = [wires.add(kind, [away, middle], f"{kind}_{stride}") for kind in ("Sub", "Add")]
        box = wires.add("Concat", sides, f"sides_{stride}", axis=2)
        _rows(wires, [box] * ANCHORS, 4, f"box_{stride}")
        _rows(wires, [f"kps_{stride}"] * ANCHORS, 10, f"landmarks_{stride}")
    graph.node.extend(wires.nodes)
    graph.initializer.extend(wires.constants)
    del graph.output[:]
    for kind, columns in (("confidence", 1), ("box", 4), ("landmarks", 10)):
        for stride in STRIDES:
            shape = [f"rows_{stride}", columns]
            graph.output.append(helper.make_tensor_value_info(f"{kind}_{stride}", TensorProto.FLOAT, shape))
    return _written(loaded)


def _rows(wires: _Wires, anchors: Sequence[str], columns: int, name: str) -> None:
    """One row for each anchor of each cell: (1, cells, columns) of each to (cells * anchors, columns)."""
    joined = wires.add("Concat", anchors, f"joined_{name}", axis=2)
    wires.add("Reshape", [joined, wires.constant(f"shape_{name}", [-1, columns], np.int64)], name)


def _feed(graph: GraphProto, feed: Feed, own: Feed) -> None:
    """Put before a graph what brings one feed into the other: x * scale + shift, and the channels in order."""
    first, wires = graph.input[0].name, _Wires()
    (mean, scale), (own_mean, own_scale) = feed.planes(feed.colour), own.planes(feed.colour)
    last = _FED
    if (scale != own_scale).any():
        last = wires.add("Mul", [last, wires.constant("feed_scale", scale / own_scale)], "scaled")
    if (mean != own_mean).any():
        last = wires.add("Add", [last, wires.constant("feed_shift", (mean - own_mean) / own_scale)], "shifted")
    if feed.colour != own.colour:
        last = wires.add("Gather", [last, wires.constant("channels", _RGB_TO_BGR, np.int64)], "ordered", axis=1)
    wires.add("Identity", [last], first)
    graph.input[0].name = _FED
    nodes = [*wires.nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(wires.constants)


def _written(model: ModelProto) -> bytes:
    onnx.checker.check_model(model)
    written: bytes = model.SerializeToString()
    return written
