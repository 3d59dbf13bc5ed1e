import contextlib
import gc
import itertools
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import StringStringEntryProto, TensorProto, helper

import operators.onnx
from operators.errors import DeviceUnavailable, ModelRefused
from operators.onnx import Device, Port, open_session, providers


def test_a_session_tells_its_ports_and_runs(embedder: Any) -> None:
    """Open dimensions are None, and the graph's outputs come back in order."""
    session = open_session(embedder(), Device.CPU, threads=1)
    assert session.input == Port("input", (None, 3, 112, 112))
    assert [port.name for port in session.outputs] == ["embedding"]
    assert session.provider == "CPUExecutionProvider"
    (raw,) = session.run(np.zeros((3, 3, 112, 112), np.float32))
    assert raw.shape == (3, 16)
    assert not raw.any()


def _scaled(location: str) -> bytes:
    """A graph that multiplies its input by three numbers that it does not hold."""
    scale = TensorProto(
        name="scale",
        data_type=TensorProto.FLOAT,
        dims=[3],
        data_location=TensorProto.EXTERNAL,
        external_data=[StringStringEntryProto(key="location", value=location)],
    )
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("input", "output")]
    node = helper.make_node("Mul", ["input", "scale"], ["output"])
    graph = helper.make_graph([node], "scaled", ports[:1], ports[1:], [scale])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def test_weights_are_used_where_they_lie_for_as_long_as_the_session_lives() -> None:
    """Nobody else keeps them: without care the memory would be given to somebody else."""
    scale = np.array([2, 3, 4], np.float32)
    kept = weakref.ref(scale)
    session = open_session(_scaled("scale"), Device.CPU, 1, {"scale": scale})
    del scale
    gc.collect()
    assert kept() is not None
    (found,) = session.run(np.ones((1, 3), np.float32))
    np.testing.assert_array_equal(found, [[2, 3, 4]])
    del session
    gc.collect()
    assert kept() is None


def test_a_graph_whose_weights_are_nowhere_is_refused() -> None:
    """Neither in it nor given with it."""
    with pytest.raises(ModelRefused, match="could not be loaded"):
        open_session(_scaled("nowhere.bin"), Device.CPU, 1)


@pytest.mark.parametrize("model", [b"", b"not a model", bytes(200), b"\x08\x09" + b"\xff" * 30])
def test_broken_files_are_refused(model: bytes) -> None:
    """Bytes that are no graph raise the project's own error."""
    with pytest.raises(ModelRefused, match="could not be loaded"):
        open_session(model, Device.CPU, threads=1)


def test_an_input_of_the_wrong_shape_is_refused(embedder: Any) -> None:
    """A run that the graph refuses raises the project's own error and names the shape."""
    session = open_session(embedder(), Device.CPU, threads=1)
    with pytest.raises(ModelRefused, match=r"input of shape \(1, 3, 64, 64\)"):
        session.run(np.zeros((1, 3, 64, 64), np.float32))


@pytest.mark.skipif("CUDAExecutionProvider" in providers(), reason="CUDA is there")
def test_cuda_without_cuda_is_refused(embedder: Any) -> None:
    """A device that is not there is an error, never the CPU instead."""
    with pytest.raises(DeviceUnavailable, match=r"offers only .*CPUExecutionProvider"):
        open_session(embedder(), Device.CUDA, threads=1)


def test_a_silent_move_to_the_cpu_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CUDA is offered but onnxruntime loads on the CPU, the session is refused, and fallback was forbidden."""
    asked: dict[str, Any] = {}

    def load(model: bytes, options: object, **given: Any) -> SimpleNamespace:
        asked.update(given)
        return SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])

    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("nothing found"))  # noqa: T201
    monkeypatch.setattr(onnxruntime, "InferenceSession", load)
    with pytest.raises(DeviceUnavailable, match="would run on CPUExecutionProvider"):
        open_session(b"", Device.CUDA, threads=1)
    assert asked["enable_fallback"] == 0
    assert [name for name, _ in asked["providers"]] == ["CUDAExecutionProvider"]


def test_a_network_on_a_gpu_has_a_session_for_each_shape_of_its_last_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One session would prepare itself anew whenever the shape changes; those of the longest ago make room."""
    ran: list[tuple[int, tuple[int, ...]]] = []
    loaded = itertools.count()

    def load(*_: object, **given: Any) -> SimpleNamespace:
        number, (name, _options) = next(loaded), given["providers"][0]
        return SimpleNamespace(
            get_providers=lambda: [name],
            get_inputs=lambda: [SimpleNamespace(name="images", type="tensor(uint8)", shape=["n", "h", "w", 3])],
            get_outputs=lambda: [SimpleNamespace(name="out", shape=["n", 4])],
            run=lambda _, fed: ran.append((number, fed["images"].shape)) or [np.zeros((1, 4), np.float32)],
        )

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", load)
    session = open_session(b"", Device.CUDA, threads=1, pixels=True)
    shapes = [(2**power, 32, 32, 3) for power in range(16)]
    for shape in [*shapes, shapes[0], (1, 64, 64, 3), shapes[0], shapes[1]]:
        session.run(np.zeros(shape, np.uint8))
    assert [number for number, _ in ran[:16]] == list(range(16))
    assert ran[16:] == [(0, shapes[0]), (16, (1, 64, 64, 3)), (0, shapes[0]), (17, shapes[1])]


def test_what_is_printed_is_not_lost_where_several_threads_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second began while the first had silenced the standard output, and the first one's silence stayed."""
    before, meet, ended = sys.stdout, threading.Barrier(2), threading.Event()

    def load() -> None:
        with contextlib.suppress(threading.BrokenBarrierError):  # who is alone, as everyone is to be, goes on
            if meet.wait(0.05):
                ended.wait(0.2)  # the other ends first

    monkeypatch.setattr(onnxruntime, "preload_dlls", load)
    for _ in range(4):
        meet.reset()
        with ThreadPoolExecutor(2) as pool:
            loads = [pool.submit(operators.onnx._load_cuda_libraries) for _ in range(2)]
        assert [each.result() for each in loads] == [None, None]
        found, sys.stdout = sys.stdout, before
        assert found is before


def test_two_onnxruntimes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both distributions share one import name: which of them would run is not known."""
    monkeypatch.setattr(metadata, "version", lambda _: "1.0")
    with pytest.raises(DeviceUnavailable, match="both installed"):
        open_session(b"", Device.CPU, threads=1)
