from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper

from loadtests.bench_frames import compose
from operators.detect import Detector, DetectSettings, open_detector
from operators.embed import Embedder, open_embedder
from operators.errors import ModelRefused
from operators.graph_input import fed, lift_division, take_pixels
from operators.jpeg import JpegLimits
from operators.models import Adapter, ModelManifest
from operators.onnx import Device, open_session
from operators.quality import QualitySettings
from operators.tensors import Canvas, Planes
from operators.types import Faces, Float32, Image
from operators.vision import Seen, Vision
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


def _shipped(name: str) -> tuple[ModelManifest, bytes]:
    """A model of the demonstration."""
    fields = yaml.safe_load((MODELS / f"{name}.yaml").read_text())
    fields |= {"adapter": Adapter(fields["adapter"]), "mean": tuple(fields["mean"]), "scale": tuple(fields["scale"])}
    return ModelManifest(**fields), (MODELS / fields["file"]).read_bytes()


@pytest.fixture(scope="module")
def shipped() -> tuple[ModelManifest, bytes]:
    """The detector of the demonstration: its graph begins with a division."""
    return _shipped("synthetic-detector-1")


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


def _same(some: Faces, other: Faces) -> None:
    assert len(some) > 3
    np.testing.assert_allclose(some.boxes, other.boxes, atol=1e-4)
    np.testing.assert_allclose(some.confidence, other.confidence, atol=1e-6)
    np.testing.assert_allclose(some.landmarks, other.landmarks, atol=1e-4)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_detector_that_is_given_pixels_finds_the_same(shipped: tuple[ModelManifest, bytes], batch: int) -> None:
    """As a GPU is fed, here run on the processor."""
    manifest, model = shipped
    settings = DetectSettings(confidence=0.001, overlap=0.9, max_side_px=640)
    ready = fed(model, manifest, Device.CUDA)
    session = open_session(ready.graph, Device.CPU, 1, pixels=ready.pixels)
    assert session.input.shape == (None, 3, None, None)
    by_pixels = Detector(manifest, session, settings, ready.feed)
    by_planes = Detector(manifest, open_session(model, Device.CPU, 1), settings)
    images = [PICTURE, PICTURE[::-1].copy()][:batch]
    for some, other in zip(by_pixels.detect_batch(images), by_planes.detect_batch(images), strict=True):
        _same(some, other)


def test_so_does_one_of_fixed_size_and_normalised(scrfd: Any, describe: Any) -> None:
    """Another order of colours, mean and scale, and black beyond the image as the network knows it."""
    model, picture = scrfd(), np.zeros((320, 600, 3), np.uint8)
    picture[:, :, 0], picture[80:160, 80:160] = 90, (255, 251, 253)
    settings = DetectSettings(confidence=0.5, overlap=0.3, max_side_px=640)
    manifest = describe(model, Adapter.SCRFD, colour="rgb", mean=(127.5, 120.0, 110.0), scale=(128.0, 120.0, 100.0))
    ready = fed(model, manifest, Device.CUDA)
    session = open_session(ready.graph, Device.CPU, 1, pixels=True)
    assert session.input.shape == (1, 3, 640, 640)
    by_planes = Detector(manifest, open_session(model, Device.CPU, 1), settings)
    _same(Detector(manifest, session, settings, ready.feed).detect(picture), by_planes.detect(picture))


def test_an_embedder_that_is_given_pixels_gives_the_same_vectors(embedder: Any, describe: Any) -> None:
    """To a millionth."""
    model, crops = embedder(), np.random.default_rng(4).integers(0, 256, (5, 112, 112, 3), np.uint8)
    manifest = describe(model, Adapter.EMBEDDER112, colour="rgb", mean=(123.0, 116.0, 103.0), scale=(58.0, 57.0, 56.0))
    ready = fed(model, manifest, Device.CUDA)
    by_pixels = Embedder(manifest, open_session(ready.graph, Device.CPU, 1, pixels=True), ready.feed)
    by_planes = Embedder(manifest, open_session(model, Device.CPU, 1))
    np.testing.assert_allclose(by_pixels.embed(crops), by_planes.embed(crops), atol=1e-6)


def test_a_processor_is_fed_planes_and_a_gpu_pixels(shipped: tuple[ModelManifest, bytes]) -> None:
    """Each what costs it less."""
    manifest, model = shipped
    on_cpu, on_gpu = fed(model, manifest, Device.CPU), fed(model, manifest, Device.CUDA)
    assert isinstance(on_cpu.feed, Planes)
    assert isinstance(on_gpu.feed, Canvas)
    assert (on_cpu.pixels, on_gpu.pixels) == (False, True)


def test_a_graph_that_names_its_weights_as_inputs_is_understood(describe: Any) -> None:
    """As older exports do."""
    model = onnx.load_model_from_string(_graph(lambda graph: graph.add("Div", "input", graph.constant([4.0]))))
    model.graph.input.append(helper.make_tensor_value_info("constant_0", TensorProto.FLOAT, [1]))
    data = model.SerializeToString()
    assert lift_division(data)[1] == 4
    session = open_session(take_pixels(data, describe(data, Adapter.YUNET)), Device.CPU, 1, pixels=True)
    [found] = session.run(PICTURE[None])
    np.testing.assert_array_equal(found, PICTURE.transpose(2, 0, 1)[None] / np.float32(4))


@pytest.mark.parametrize("shape", [["n", 3], ["n", 4, "h", "w"], ["n", "c", "h", "w"]])
def test_a_graph_of_other_inputs_is_refused_when_it_is_to_be_given_pixels(
    describe: Any, shape: list[int | str]
) -> None:
    """It stays as it is, and whoever opens it says what was expected."""
    graph = Graph(shape)
    graph.add("Relu", "input", output="seen")
    model = graph.build("seen")
    ready = take_pixels(model, describe(model, Adapter.YUNET))
    assert ready == model
    with pytest.raises(ModelRefused, match=r"one input of images, \(any, 3, any, any\) float32, found: input tensor"):
        open_session(ready, Device.CPU, 1, pixels=True)


def test_pixels_are_not_taken_for_numbers(shipped: tuple[ModelManifest, bytes]) -> None:
    """A graph that wants bytes is refused where it would be given planes."""
    manifest, model = shipped
    with pytest.raises(ModelRefused, match="one input of float32, found: beholden_pixels"):
        open_session(take_pixels(model, manifest), Device.CPU, 1)
    assert take_pixels(b"junk", manifest) == b"junk"


class Plainly:
    """Fills an input as a manifest describes it, number by number, for a graph as it is in its file."""

    def __init__(self, manifest: ModelManifest) -> None:
        self._step = -1 if manifest.colour == "rgb" else 1
        self._factors = (1 / np.array(manifest.scale)).astype(np.float32)
        self._offsets = (-np.array(manifest.mean) / np.array(manifest.scale)).astype(np.float32)

    def fill(self, images: list[Image], height: int, width: int) -> Float32:
        """See `Feed.fill`."""
        canvas = np.zeros((len(images), height, width, 3), np.uint8)
        for place, image in enumerate(images):
            canvas[place, : image.shape[0], : image.shape[1]] = image
        numbers = canvas[..., :: self._step].astype(np.float32) * self._factors + self._offsets
        return np.ascontiguousarray(numbers.transpose(0, 3, 1, 2))

    def forget(self) -> None:
        """Nothing is kept."""


def test_a_person_has_the_same_vector_however_pixels_reach_the_networks(shipped: tuple[ModelManifest, bytes]) -> None:
    """From a frame to the vector with the shipped models: the same bits on a processor, a cosine of 1 as on a GPU."""
    face, vector = shipped, _shipped("synthetic-embedder-1")
    settings = DetectSettings(confidence=0.7, overlap=0.3, max_side_px=640)
    quality = QualitySettings(0.7, 16, max_turn=0.5, max_tilt_deg=30, min_inside=0.8, min_sharpness=0.0)
    limits = JpegLimits(max_bytes=1_000_000, max_side_px=4096, max_pixels=16_000_000, min_side_px=8, max_scans=20)
    sessions = [open_session(model, Device.CPU, 1) for _, model in (face, vector)]
    ready = [fed(model, manifest, Device.CUDA) for manifest, model in (face, vector)]
    pixels = [open_session(each.graph, Device.CPU, 1, pixels=True) for each in ready]
    ways = [
        (
            Detector(face[0], sessions[0], settings, Plainly(face[0])),
            Embedder(vector[0], sessions[1], Plainly(vector[0])),
        ),
        (open_detector(*face, Device.CPU, 1, settings), open_embedder(*vector, Device.CPU, 1)),
        (Detector(face[0], pixels[0], settings, ready[0].feed), Embedder(vector[0], pixels[1], ready[1].feed)),
    ]
    frames, found = compose(2), []
    for eyes, memory in ways:
        seen = Vision(eyes, memory, quality, limits, max_side_px=640, max_faces=10).see(frames)
        found.append([one for one in seen if isinstance(one, Seen)])
    plain, cpu, gpu = (np.concatenate([one.vectors for one in seen]) for seen in found)
    assert len(plain) == 3
    np.testing.assert_array_equal(cpu, plain)
    assert ((gpu * plain).sum(axis=1) > 1 - 1e-6).all()
