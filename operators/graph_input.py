"""Where pixels become the numbers that a network knows: before its graph or within it. It alone changes graphs.

On a processor they do before: to make planes of 1280x720 takes ONNX Runtime 1.7 ms and `Planes` 1.1 ms. A GPU is sent
the bytes, a quarter of what the numbers are, and makes planes itself.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from operators.models import ModelManifest
from operators.onnx import Device
from operators.tensors import Canvas, Planes

_PIXELS = "beholden_pixels"  # not the name of anything in a network's own graph


class Feed(Protocol):
    """What fills a network's input, and can forget what it held."""

    def fill(self, images: list[npt.NDArray[np.uint8]], height: int, width: int) -> npt.NDArray[Any]:
        """The images at the top left of black canvases of that size, and maybe further ones; valid until the next."""

    def forget(self) -> None:
        """Overwrite it."""


@dataclass(frozen=True, slots=True, eq=False)
class Fed:
    """A graph, what fills its input, and whether that is pixels."""

    graph: bytes
    feed: Feed
    pixels: bool


def fed(model: bytes, manifest: ModelManifest, device: Device) -> Fed:
    """A network as it is to be loaded on a device, with what fills its input.

    Args:
        model: The ONNX file.
        manifest: How it is fed.
        device: Where it is to run.
    """
    if device is Device.CUDA:
        return Fed(take_pixels(model, manifest), Canvas(), pixels=True)
    graph, divisor = lift_division(model)
    return Fed(graph, Planes(manifest.colour, manifest.mean, manifest.scale, divisor), pixels=False)


def take_pixels(model: bytes, manifest: ModelManifest) -> bytes:
    """A graph that takes images as they are decoded, (n, h, w, 3) uint8, BGR, and does what `Planes` does itself.

    Args:
        model: The ONNX file.
        manifest: How its own input, (n, 3, h, w) float32, is filled.

    Returns:
        The graph. The file as it is when it is none, or has no such input: that is for whoever loads it to say.
    """
    loaded = _loaded(model)
    own = _planes_of(loaded)
    if own is None:
        return model
    graph, planes = loaded.graph, Planes(manifest.colour, manifest.mean, manifest.scale)
    steps: list[tuple[str, npt.NDArray[Any] | None, dict[str, Any]]] = [
        ("Cast", None, {"to": TensorProto.FLOAT}),
        ("Transpose", None, {"perm": [0, 3, 1, 2]}),
        ("Gather", np.array(planes.channels, np.int64), {"axis": 1}),
        ("Mul", planes.factors, {}),
        ("Add", planes.offsets, {}),
    ]
    names = [_PIXELS, *(f"{_PIXELS}_{step[0]}" for step in steps[:-1]), own.name]
    for number, (operator, constant, attributes) in enumerate(steps):
        inputs = [names[number]]
        if constant is not None:
            inputs.append(f"{_PIXELS}_by_{operator}")
            graph.initializer.append(numpy_helper.from_array(constant, inputs[1]))
        graph.node.insert(number, helper.make_node(operator, inputs, [names[number + 1]], **attributes))
    n, channels, height, width = own.type.tensor_type.shape.dim
    pixels = helper.make_tensor_value_info(_PIXELS, TensorProto.UINT8, [None] * 4)
    for dim, source in zip(pixels.type.tensor_type.shape.dim, (n, height, width, channels), strict=True):
        dim.CopyFrom(source)
    own.CopyFrom(pixels)
    return bytes(loaded.SerializeToString())


def lift_division(model: bytes) -> tuple[bytes, float]:
    """A graph without the division of all its input by one number, and that number.

    Whoever divides pixels while they become floating-point numbers gets the same bits for a quarter of the time: for
    1280x720 the division within the graph is 1.7 ms of a small detector's 25.

    Args:
        model: The ONNX file.

    Returns:
        The graph, and what its input must be divided by beforehand. The file as it is, and 1, when the graph begins
        otherwise, or is none: that is for whoever loads it to say.
    """
    loaded = _loaded(model)
    own = _planes_of(loaded)
    if own is None or any(_has_graph(node) for node in loaded.graph.node):
        return model, 1.0
    graph, name = loaded.graph, own.name
    readers = [node for node in graph.node if name in node.input]
    if len(readers) != 1 or readers[0].op_type != "Div" or readers[0].input[0] != name:
        return model, 1.0
    divisor = _number(graph, readers[0].input[1])
    if divisor is None:
        return model, 1.0
    quotient = readers[0].output[0]
    if any(port.name == quotient for port in graph.output):
        return model, 1.0
    graph.node.remove(readers[0])
    for node in graph.node:
        node.input[:] = [name if each == quotient else each for each in node.input]
    return bytes(loaded.SerializeToString()), divisor


def _loaded(model: bytes) -> Any:
    """The graph in a file; None when there is none."""
    try:
        return onnx.load_model_from_string(model)
    except DecodeError:
        return None


def _planes_of(loaded: Any) -> Any:
    """The only input of a graph, when that is (any, 3, any, any) float32; otherwise None."""
    if loaded is None:
        return None
    held = {each.name for each in loaded.graph.initializer}  # which older files name among their inputs
    inputs = [each for each in loaded.graph.input if each.name not in held]
    kind = inputs[0].type.tensor_type if len(inputs) == 1 else None
    if kind is None or kind.elem_type != TensorProto.FLOAT or len(kind.shape.dim) != 4:
        return None
    return inputs[0] if kind.shape.dim[1].dim_value == 3 else None


def _number(graph: Any, name: str) -> float | None:
    """The constant of that name, when it is one finite float32 above 0."""
    tensors = [each for each in graph.initializer if each.name == name]
    constants = [node for node in graph.node if node.op_type == "Constant" and name in node.output]
    tensors += [each.t for node in constants for each in node.attribute if each.name == "value"]
    values = [numpy_helper.to_array(each) for each in tensors]
    if len(values) != 1 or values[0].dtype != np.float32 or values[0].size != 1:
        return None
    value = float(values[0].reshape(()))
    return value if 0 < value < np.inf else None


def _has_graph(node: Any) -> bool:
    """Whether a node has graphs of its own, which may read anything of the graph around them."""
    kinds = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    return any(attribute.type in kinds for attribute in node.attribute)
