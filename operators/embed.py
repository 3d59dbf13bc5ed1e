"""Turn face crops into unit vectors."""

import numpy as np
import numpy.typing as npt

from operators.align import SIZE_PX, TEMPLATE_NAME
from operators.errors import ModelRefused
from operators.graph_input import Feed, fed
from operators.models import Adapter, ModelManifest, check_model
from operators.onnx import Device, Session, open_session
from operators.tensors import Planes
from operators.types import Float32

# Crops a run: on a CPU more do not pay (3.9 ms a face at 8, 4.2 at 32); on a GPU they do. Bounds the memory of a
# crowd of hundreds.
_CHUNK_CPU, _CHUNK_GPU = 8, 64
_WARM_UP_SEED = 0


class Embedder:
    """One embedding network on one device. For one thread: it keeps its input buffer between calls.

    Args:
        manifest: How the graph is fed.
        session: The loaded graph.
        feed: What fills the graph's input; planes as the manifest says when not given.

    Attributes:
        sha256: Digest of the model.
        dimension: Length of an embedding.
        chunk: Most crops that the network is given at once.

    Raises:
        ModelRefused: The graph is no embedder of 112x112 crops, or has further outputs.
    """

    def __init__(self, manifest: ModelManifest, session: Session, feed: Feed | None = None) -> None:
        _check_ports(manifest, session)
        self.sha256 = manifest.sha256
        self.dimension = manifest.dimension or 0
        self._session = session
        self._feed = feed or Planes(manifest.colour, manifest.mean, manifest.scale)
        many = _CHUNK_CPU if session.provider.startswith("CPU") else _CHUNK_GPU
        self.chunk = session.input.shape[0] or many

    @property
    def provider(self) -> str:
        """What it runs on, as ONNX Runtime says."""
        return self._session.provider

    def embed(self, crops: npt.NDArray[np.uint8]) -> Float32:
        """Embeddings of face crops.

        Args:
            crops: (n, 112, 112, 3) uint8, BGR, from `align`; n may be 0.

        Returns:
            (n, dimension) float32 of length 1. A crop for which the network gives zeros or numbers that are not
            finite gets the zero vector: its cosine with everything is 0, so it matches nobody.

        Raises:
            ModelRefused: The network gives another shape than at start.
        """
        if len(crops) == 0:
            return np.zeros((0, self.dimension), np.float32)
        starts = range(0, len(crops), self.chunk)
        return np.concatenate([_to_unit(self._raw(crops[start : start + self.chunk])) for start in starts])

    def forget(self) -> None:
        """Overwrite the pixels that the last call has left in memory."""
        self._feed.forget()

    def _raw(self, crops: npt.NDArray[np.uint8]) -> Float32:
        given = self._feed.fill(list(crops), SIZE_PX, SIZE_PX)
        (raw,) = self._session.run(given)
        if raw.shape != (len(given), self.dimension):
            raise ModelRefused(
                f"the embedder gave shape {raw.shape} for {len(given)} crops, expected {(len(given), self.dimension)}; "
                "correct the manifest's dimension, or use a graph that keeps its images apart"
            )
        return raw[: len(crops)]


def open_embedder(manifest: ModelManifest, model: bytes, device: Device, threads: int) -> Embedder:
    """Load an embedder and run it once on two images.

    Args:
        manifest: What the model is.
        model: The bytes `read_model` gave.
        device: Where it must run.
        threads: CPU threads.

    Raises:
        ModelRefused: Other bytes than pinned, another network than the manifest says, one that merges its batch, or
            one whose output does not depend on the image.
        DeviceUnavailable: The device is not the one that would run.
    """
    check_model(manifest, model)
    ready = fed(model, manifest, device)
    embedder = Embedder(manifest, open_session(ready.graph, device, threads, pixels=ready.pixels), ready.feed)
    noise = np.random.default_rng(_WARM_UP_SEED).integers(0, 256, (2, SIZE_PX, SIZE_PX, 3), np.uint8)
    first, second = embedder.embed(noise)
    if not first.any() or not second.any():
        raise ModelRefused(
            f"{manifest.name}: gives zeros or non-finite numbers; the file or the pre-processing is wrong"
        )
    if np.array_equal(first, second):
        raise ModelRefused(f"{manifest.name}: gives one embedding for two images; the graph ignores its input")
    return embedder


def _to_unit(raw: Float32) -> Float32:
    finite = np.isfinite(raw).all(axis=1, keepdims=True)
    wide = np.where(finite, raw, 0).astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    return (wide / np.where(length > 0, length, 1)).astype(np.float32)


def _check_ports(manifest: ModelManifest, session: Session) -> None:
    if manifest.adapter is not Adapter.EMBEDDER112:
        raise ModelRefused(f"{manifest.name}: adapter {manifest.adapter} is no embedder; use one with embedder112")
    if manifest.template != TEMPLATE_NAME:
        raise ModelRefused(
            f"{manifest.name}: is for faces aligned by {manifest.template}, and this version aligns them by "
            f"{TEMPLATE_NAME}; install the version that was approved, or approve another embedder"
        )
    shape = session.input.shape
    if len(shape) != 4 or shape[0] not in (1, None) or shape[1:] != (3, SIZE_PX, SIZE_PX):
        raise ModelRefused(
            f"{manifest.name}: expected an input (1 or any, 3, {SIZE_PX}, {SIZE_PX}), found {shape}; "
            "export the network with channels first and a dynamic batch"
        )
    if len(session.outputs) != 1:
        names = ", ".join(port.name for port in session.outputs)
        raise ModelRefused(
            f"{manifest.name}: expected the embedding as the only output, found {names}; heads for age, sex or other "
            "attributes are not run"
        )
