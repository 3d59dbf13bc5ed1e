from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper

from operators.detect import Detector, DetectSettings, open_detector
from operators.graph_input import lift_division
from operators.models import Adapter, ModelManifest
from operators.onnx import Device, open_session
from tests.graphs import Graph

MODELS = Path(__file__).resolve().parents[2] / "configs" / "models"
PICTURE = np.random.default_rng(3).integers(0, 256, (90, 150, 3), np.uint8)


def _graph(begin: Callable[[Graph], str], *outputs: str) -> bytes:
    """A graph that begins so, and goes on with what `begin` gives."""
    graph = Graph(["n", 3, "h", "w"])
    graph.add("Relu", begin(graph), output="seen")
    return graph.build("seen", *outputs)


def _runs(model: bytes, values: Any) -> list[Any]:
    return open_session(model, Device.CPU, 1).run(values)


def _by_constant_node(graph: Graph) -> str:
    value = helper.make_tensor("value", TensorProto.FLOAT, [], [127.5])
    return graph.add("Div", "input", graph.add("Constant", value=value))


@pytest.mark.parametrize(
    "begin", [lambda graph: graph.add("Div", "input", graph.constant([127.5])), _by_constant_node], ids=["held", "node"]
)
def test_a_division_of_all_the_input_is_lifted(begin: Callable[[Graph], str]) -> None:
    """The graph without it gives, for input that was divided beforehand, the same bits."""
    model = _graph(begin)
    lifted, divisor = lift_division(model)
    assert divisor == 127.5
    assert "Div" not in {node.op_type for node in onnx.load_model_from_string(lifted).graph.node}
    values = PICTURE.transpose(2, 0, 1)[None].astype(np.float32)
    [whole], [rest] = _runs(model, values), _runs(lifted, values / np.float32(divisor))
    assert whole.any()
    np.testing.assert_array_equal(rest, whole)


def _read_twice(graph: Graph) -> str:
    return graph.add("Add", "input", graph.add("Div", "input", graph.constant(2.0)))


def _within_a_branch(graph: Graph) -> str:
    port = helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("Identity", ["input"], ["chosen"])], "branch", [], [port])
    other = helper.make_graph([helper.make_node("Identity", ["half"], ["chosen"])], "other", [], [port])
    graph.add("Div", "input", graph.constant(2.0), output="half")
    return graph.add("If", graph.constant(True, np.bool_), then_branch=branch, else_branch=other)


@pytest.mark.parametrize(
    "model",
    [
        _graph(lambda graph: "input"),
        _graph(lambda graph: graph.add("Div", graph.constant(2.0), "input")),
        _graph(lambda graph: graph.add("Div", "input", graph.constant([[[[2.0]], [[3.0]], [[4.0]]]]))),
        _graph(lambda graph: graph.add("Div", "input", graph.constant(0.0))),
        _graph(lambda graph: graph.add("Div", "input", graph.constant(-2.0))),
        _graph(lambda graph: graph.add("Div", "input", graph.add("ReduceMax", "input", keepdims=1))),
        _graph(lambda graph: graph.add("Div", "input", graph.constant(2.0), output="half"), "half"),
        _graph(_read_twice),
        _graph(_within_a_branch),
        b"junk",
    ],
    ids=["none", "turned", "by_channel", "zero", "negative", "computed", "shown", "read_twice", "branch", "junk"],
)
def test_a_graph_that_begins_otherwise_stays_as_it_is(model: bytes) -> None:
    """To the byte."""
    assert lift_division(model) == (model, 1.0)


@pytest.fixture(scope="module")
def shipped() -> tuple[ModelManifest, bytes]:
    """The detector of the demonstration: its graph begins with a division."""
    fields = yaml.safe_load((MODELS / "synthetic-detector-1.yaml").read_text())
    fields |= {"adapter": Adapter(fields["adapter"]), "mean": tuple(fields["mean"]), "scale": tuple(fields["scale"])}
    return ModelManifest(**fields), (MODELS / fields["file"]).read_bytes()


def test_the_shipped_detector_finds_the_same_to_the_bit(shipped: tuple[ModelManifest, bytes]) -> None:
    """Every number of every box, whether the graph divides or its input does."""
    manifest, model = shipped
    settings = DetectSettings(confidence=0.001, overlap=0.9, max_side_px=640)
    as_it_is = Detector(manifest, open_session(model, Device.CPU, 1), settings).detect(PICTURE)
    lifted = open_detector(manifest, model, Device.CPU, 1, settings).detect(PICTURE)
    assert lift_division(model)[1] != 1
    assert len(as_it_is) > 10
    np.testing.assert_array_equal(lifted.boxes, as_it_is.boxes)
    np.testing.assert_array_equal(lifted.confidence, as_it_is.confidence)
    np.testing.assert_array_equal(lifted.landmarks, as_it_is.landmarks)
