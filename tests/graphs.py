"""Small graphs that need no training: what detectors and embedders look like from outside."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)


class Graph:
    """Collects nodes and constants of one graph with one float32 input named `input`."""

    def __init__(self, shape: list[int | str]) -> None:
        self._input = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, values: Any, dtype: type = np.float32) -> str:
        """The name of a new constant."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """The name of a new node's output."""
        name = output or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def cells(self, stride: int, weight: float, bias: list[float], shape: list[int], output: str) -> None:
        """One row per stride x stride cell: `bias`, plus `weight` times the cell's mean brightness in [0, 1]."""
        k = len(bias)
        kernel = np.full((k, 3, stride, stride), weight / (3 * stride * stride * 255))
        cells = self.add("Conv", "input", self.constant(kernel), self.constant(bias), strides=[stride, stride])
        last = self.add("Transpose", cells, perm=[0, 2, 3, 1])
        self.add("Reshape", last, self.constant(shape, np.int64), output=output)

    def build(self, *outputs: str) -> bytes:
        """The finished model."""
        ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self._nodes, "graph", [self._input], ports, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        data: bytes = model.SerializeToString()
        return data


def build_yunet(batch: int | str = "batch", height: int | str = "h", width: int | str = "w", extra: str = "") -> bytes:
    """A YuNet that sees a face of 32x32 px in every bright 8x8 cell, as sure as the cell is bright.

    Landmarks lie 0, 1, 2, 3 and 4 px right of and below the cell's corner.
    """
    graph = Graph([batch, 3, height, width])
    names = []
    for stride in STRIDES:
        weight = 1.0 if stride == 8 else 0.0
        half = float(np.log(4))
        corner = [n / 8 for n in (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)]
        rows = {"cls": (weight, [0.0]), "obj": (weight, [0.0]), "bbox": (0, [0.5, 0.5, half, half]), "kps": (0, corner)}
        for kind, (by_brightness, bias) in rows.items():
            names.append(f"{kind}_{stride}")
            graph.cells(stride, by_brightness, bias, [0, -1, len(bias)], names[-1])
    if extra:
        graph.cells(8, 1.0, [0.0], [0, -1, 1], extra)
        names.append(extra)
    return graph.build(*names)


def build_scrfd(batch: int | str = 1, side: int | str = 640, *, flat: bool = False, levels: int = 3) -> bytes:
    """An SCRFD that sees a face of 40x24 px around the corner of every bright 8x8 cell; its second anchor is blind.

    Sides: 1, 1, 4 and 2 strides left, top, right and below. Landmarks 0 to 4 px from the corner.
    """
    graph = Graph([batch, 3, side, side])
    corner = [n / 8 for n in (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)]
    lead = [] if flat else [0]
    names = []
    for kind, bias in (("score", [0.0]), ("box", [1.0, 1.0, 4.0, 2.0]), ("kps", corner))[:levels]:
        for stride in STRIDES:
            names.append(f"{kind}{stride}")
            if kind != "score":
                graph.cells(stride, 0, bias * 2, [*lead, -1, len(bias)], names[-1])
                continue
            # Input is (x - 127.5) / 128: black is -0.996, white 0.996. Only the first anchor sees.
            sight = np.zeros((2, 3, stride, stride))
            if stride == 8:
                sight[0] = 1 / (3 * stride * stride * 2 * 127.5 / 128)
            start = [0.5 if stride == 8 else 0.0, 0.0]
            cells = graph.add("Conv", "input", graph.constant(sight), graph.constant(start), strides=[stride, stride])
            last = graph.add("Transpose", cells, perm=[0, 2, 3, 1])
            graph.add("Reshape", last, graph.constant([*lead, -1, 1], np.int64), output=names[-1])
    return graph.build(*names)


def build_embedder(batch: int | str = "batch", dimension: int = 16, kind: str = "good") -> bytes:
    """An embedder of 112x112 crops: brightness of 4x4 fields and 3 colours through a fixed random matrix.

    Kinds: good; merged (all images in one row); constant; nan; two (a second output).
    """
    graph = Graph([batch, 3, 112, 112])
    fields = graph.add("Flatten", graph.add("AveragePool", "input", kernel_shape=[28, 28], strides=[28, 28]))
    matrix = np.random.default_rng(7).normal(size=(48, dimension))
    if kind == "constant":
        fields = graph.add("Mul", fields, graph.constant(0))
        matrix[:] = 0
    values = graph.add("MatMul", fields, graph.constant(matrix))
    shape = [1, -1] if kind == "merged" else [0, dimension]
    values = graph.add("Reshape", values, graph.constant(shape, np.int64))
    if kind == "nan":
        values = graph.add("Mul", values, graph.constant(np.nan))
    graph.add("Add", values, graph.constant(1 if kind == "constant" else 0), output="embedding")
    if kind == "two":
        graph.add("Flatten", fields, output="age")
        return graph.build("embedding", "age")
    return graph.build("embedding")
