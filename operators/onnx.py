"""Neural networks as functions on arrays. The only file that imports onnxruntime."""

import contextlib
import io
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

# ONNX Runtime 1.31 reports model names, digests and a device id to its maker unless told not to before it is loaded.
# What this software looks for, and on which machine, is nobody else's business.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as raised

from operators.errors import BeholdenError, DeviceUnavailable, ModelRefused
from operators.types import Float32

_ERRORS_ONLY = 3
# Or each session on a GPU warns of plugins that nobody asked for.
onnxruntime.set_default_logger_severity(_ERRORS_ONLY)

_PROVIDER = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_LOADING = threading.Lock()
_SHAPES = 16
_CUDA_ADVICE = "check that the driver, CUDA and cuDNN are the ones this onnxruntime-gpu was built for"
# onnxruntime's exceptions have no common base of their own.
_BROKEN_GRAPH = (raised.InvalidArgument, raised.InvalidGraph, raised.InvalidProtobuf, raised.NoModel, ValueError)
_FAILED = (
    raised.DeviceReset,
    raised.EPFail,
    raised.EngineError,
    raised.Fail,
    raised.NoSuchFile,
    raised.NotFound,
    raised.NotImplemented,
    raised.RuntimeException,
    RuntimeError,
)


class Device(StrEnum):
    """Where a network runs."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a graph.

    Attributes:
        name: As in the graph.
        shape: One entry a dimension; None where the graph leaves it open.
    """

    name: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """A loaded graph with one input, bound to one device.

    Attributes:
        input: The input: float32, or uint8 where pixels were asked for; its shape is (n, 3, h, w) there, too.
        outputs: All outputs, in graph order.
        provider: The execution provider that runs it, as onnxruntime names it.
        run: Takes the input, gives all outputs in graph order as new arrays. Raises ModelRefused when the
            graph does not take this input, DeviceUnavailable when the device fails.
    """

    input: Port
    outputs: tuple[Port, ...]
    provider: str
    run: Callable[[npt.NDArray[Any]], list[Float32]]


def open_session(
    model: bytes,
    device: Device,
    threads: int,
    weights: Mapping[str, npt.NDArray[Any]] = MappingProxyType({}),
    *,
    pixels: bool = False,
) -> Session:
    """Load a graph onto a device, and nowhere else.

    A network that takes pixels is loaded on a GPU once for each of the last 16 shapes of its input: it prepares itself
    for a shape for 30 ms, and again when it had another one in between.

    Args:
        model: The ONNX file, weights included: graphs with weights in other files are not loaded.
        device: Where it must run.
        threads: CPU threads within one operator of the graph, 1 and up. More than cores / lanes: lanes slow each
            other down.
        weights: Arrays, contiguous, for initialisers that the graph names and does not hold; they are used where they
            lie, and must not change. A block of a list opens four times as fast so as from a file with its weights.
        pixels: Whether its input is images as they are decoded, (n, h, w, 3) uint8, see `take_pixels`.

    Raises:
        DeviceUnavailable: The device is not there, or onnxruntime would run on another one.
        ModelRefused: Not a graph this can run.
    """
    _check_installation()
    _check_available(device, _PROVIDER[device])
    if device is Device.CUDA:
        _load_cuda_libraries()
    held = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in weights.items()}

    def load() -> Any:
        return _load(model, device, threads, held)

    opened = load()
    run = _OneForEachShape(opened, load).run if pixels and device is Device.CUDA else opened.run
    return _wrap(opened, run, held, device, pixels=pixels)


def providers() -> list[str]:
    """The execution providers of the installed onnxruntime, for a health report."""
    return list(onnxruntime.get_available_providers())


def _check_installation() -> None:
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _is_installed(name)]
    if len(installed) > 1:
        raise DeviceUnavailable(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files; "
            "uninstall both, then install one of them (extra cpu or gpu)"
        )


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _check_available(device: Device, provider: str) -> None:
    if provider not in onnxruntime.get_available_providers():
        found = ", ".join(onnxruntime.get_available_providers())
        raise DeviceUnavailable(
            f"device {device}: this onnxruntime offers only {found}; install the extra gpu instead of cpu, "
            "or set device: cpu"
        )


def _load(model: bytes, device: Device, threads: int, held: Mapping[str, Any]) -> Any:
    try:
        # Without enable_fallback=0 onnxruntime moves to the CPU by itself, on loading and again while running.
        opened = onnxruntime.InferenceSession(
            model, _options(threads, held), providers=[_provider_options(device)], enable_fallback=0
        )
    except (*_BROKEN_GRAPH, *_FAILED) as error:
        raise _translated(error, device, "could not be loaded") from error
    found = opened.get_providers()[0]
    if found != _PROVIDER[device]:
        raise DeviceUnavailable(f"device {device}: onnxruntime would run on {found}; {_CUDA_ADVICE}")
    return opened


class _OneForEachShape:
    """Runs an input on the session that had such a shape before; on a new one when none has.

    Args:
        first: A session that nothing has run on.
        load: Makes another.
    """

    def __init__(self, first: Any, load: Callable[[], Any]) -> None:
        self._unused = [first]
        self._load = load
        self._kept: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def run(self, outputs: None, inputs: dict[str, npt.NDArray[Any]]) -> Any:
        """See `onnxruntime.InferenceSession.run`; of one input."""
        (values,) = inputs.values()
        session = self._kept.pop(values.shape, None) or (self._unused.pop() if self._unused else self._load())
        self._kept[values.shape] = session
        if len(self._kept) > _SHAPES:
            self._kept.popitem(last=False)
        return session.run(outputs, inputs)


def _load_cuda_libraries() -> None:
    """Find CUDA and cuDNN in the wheels that pip installed, which the dynamic linker does not search."""
    # One thread at a time: of two, the second would take the first one's silence for the standard output to go back to.
    with _LOADING, contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()


def _options(threads: int, held: Mapping[str, Any]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    # Waiting threads that spin take the cores of the other sessions in the lane.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if held:
        options.add_external_initializers(list(held), list(held.values()))
    return options


def _provider_options(device: Device) -> tuple[str, dict[str, str]]:
    if device is Device.CPU:
        return _PROVIDER[device], {}
    # TF32 keeps 10 bits of mantissa, enough to move a cosine between devices; an exhaustive search for convolution
    # kernels starts again with every new frame size.
    return _PROVIDER[device], {"device_id": "0", "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}


def _wrap(opened: Any, run_on: Callable[..., Any], held: Mapping[str, Any], device: Device, *, pixels: bool) -> Session:
    inputs = opened.get_inputs()
    if len(inputs) != 1 or inputs[0].type != ("tensor(uint8)" if pixels else "tensor(float)"):
        found = ", ".join(f"{port.name} {port.type}" for port in inputs)
        kind = "images, (any, 3, any, any) float32" if pixels else "float32"
        raise ModelRefused(f"expected a graph with one input of {kind}, found: {found}; export the model for inference")
    name = inputs[0].name
    loaded = run_on, held  # onnxruntime itself does not keep the arrays alive in which its weights lie

    def run(values: npt.NDArray[Any]) -> list[Float32]:
        try:
            outputs: list[Float32] = loaded[0](None, {name: values})
        except (*_BROKEN_GRAPH, *_FAILED) as error:
            raise _translated(error, device, f"failed on an input of shape {np.shape(values)}") from error
        return outputs

    port = _port(inputs[0])
    if pixels:
        n, height, width, channels = port.shape
        port = Port(port.name, (n, channels, height, width))
    return Session(port, tuple(_port(port) for port in opened.get_outputs()), _PROVIDER[device], run)


def _port(port: Any) -> Port:
    return Port(port.name, tuple(size if isinstance(size, int) else None for size in port.shape))


def _translated(error: Exception, device: Device, what: str) -> BeholdenError:
    said = " ".join(str(error).split())[:400]
    if device is Device.CUDA and not isinstance(error, _BROKEN_GRAPH):
        return DeviceUnavailable(f"device {device}: the model {what}: {said}; {_CUDA_ADVICE} and that memory is free")
    return ModelRefused(f"the model {what}: {said}")
