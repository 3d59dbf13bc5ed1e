"""Find faces: image in, boxes, confidences and five landmarks out."""

from dataclasses import dataclass

import cv2
import numpy as np

from operators.errors import ModelRefused
from operators.graph_input import Feed, fed
from operators.heads import Heads
from operators.models import Adapter, ModelManifest, check_model
from operators.nms import nms
from operators.onnx import Device, Port, Session, open_session
from operators.scrfd import SCRFD
from operators.tensors import Planes
from operators.types import Faces, Float32, Image
from operators.yunet import YUNET

_HEADS = {Adapter.YUNET: YUNET, Adapter.SCRFD: SCRFD}

# Coarsest stride of both families: the input is padded to whole cells.
_CELL_PX = 32
_WARM_UP_PX = 64


@dataclass(frozen=True, slots=True)
class DetectSettings:
    """What counts as a face.

    Attributes:
        confidence: Lowest confidence of the detector, in (0, 1). Too high: people are overlooked (YuNet at 0.9 lost
            every seventh face of a crowd); too low: things that are no faces are embedded and searched.
        overlap: Intersection over union, in (0, 1), from which two boxes are one face. Too high: one person is found
            twice; too low: people close together become one.
        max_side_px: Images with a longer side are shrunk to it, pixels, 32 and up. Too high: time grows with its
            square and close-ups are missed, since the networks know faces of 10 to 300 px; too low: distant faces
            vanish. Graphs of fixed size ignore it.
    """

    confidence: float
    overlap: float
    max_side_px: int

    def __post_init__(self) -> None:
        for name in ("confidence", "overlap"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: must lie between 0 and 1, found {getattr(self, name)}")
        if self.max_side_px < _CELL_PX:
            raise ValueError(f"max_side_px: must be at least {_CELL_PX}, found {self.max_side_px}")


@dataclass(frozen=True, slots=True)
class _Fit:
    """How an image is laid into the network's input: shrunk to width x height, padded to padded_*."""

    width: int
    height: int
    padded_width: int
    padded_height: int


class Detector:
    """One detection network on one device. For one thread: it keeps its input buffer between calls.

    Args:
        manifest: How the graph is fed and read.
        session: The loaded graph.
        settings: What counts as a face.
        feed: What fills the graph's input; planes as the manifest says when not given.

    Attributes:
        sha256: Digest of the model.
        batch: Images the graph takes at once; None when it takes any number.
        provider: The execution provider that runs it, as onnxruntime names it.

    Raises:
        ModelRefused: The graph does not look like the manifest's adapter.
    """

    def __init__(
        self, manifest: ModelManifest, session: Session, settings: DetectSettings, feed: Feed | None = None
    ) -> None:
        self._heads = _heads(manifest, session)
        self.sha256 = manifest.sha256
        self.batch = session.input.shape[0]
        self.provider = session.provider
        self._session = session
        self._names = [port.name for port in session.outputs]
        self._settings = settings
        self._fixed = _fixed_size(session.input)
        self._feed = feed or Planes(manifest.colour, manifest.mean, manifest.scale)

    def adopt(self, settings: DetectSettings) -> None:
        """Other settings from the next image on."""
        self._settings = settings

    def detect(self, image: Image) -> Faces:
        """The faces of an image.

        Args:
            image: (h, w, 3) uint8, BGR.

        Returns:
            Faces in pixels of `image`, most confident first. Boxes may lie partly outside it.
        """
        return self._detect([image])[0]

    def forget(self) -> None:
        """Overwrite the pixels that the last call has left in memory."""
        self._feed.forget()

    def detect_batch(self, images: list[Image]) -> list[Faces]:
        """The faces of several images of one size, in one run of the network.

        Args:
            images: (h, w, 3) uint8, BGR, all of one shape; may be empty.

        Returns:
            For each image what `detect` gives.

        Raises:
            ModelRefused: The graph takes a fixed number of images.
            ValueError: The images differ in shape.
        """
        if self.batch is not None:
            raise ModelRefused(
                f"the detector has a fixed batch of {self.batch}; "
                "set recognisers.detect_batch to 1 or use a graph with a dynamic batch, as yunet-s-dynamic"
            )
        shapes = {image.shape for image in images}
        if len(shapes) > 1:
            raise ValueError(f"expected images of one shape, found {sorted(shapes)}; group them by shape first")
        return self._detect(images) if images else []

    def _detect(self, images: list[Image]) -> list[Faces]:
        height, width = images[0].shape[:2]
        fit = self._fit(height, width)
        if (fit.width, fit.height) != (width, height):
            images = [_resize(image, fit) for image in images]
        outputs = self._session.run(self._feed.fill(images, fit.padded_height, fit.padded_width))
        stretch = np.array([width / fit.width, height / fit.height], np.float32)
        return [self._read(outputs, row, fit.padded_width, stretch) for row in range(len(images))]

    def _fit(self, height: int, width: int) -> _Fit:
        if self._fixed is None:
            return _free_fit(height, width, self._settings.max_side_px)
        to_height, to_width = self._fixed
        ratio = min(to_width / width, to_height / height)
        return _Fit(max(1, round(width * ratio)), max(1, round(height * ratio)), to_width, to_height)

    def _read(self, outputs: list[Float32], row: int, width: int, stretch: Float32) -> Faces:
        # Newer SCRFD exports have no batch axis.
        own = [output[row] if output.ndim == 3 else output for output in outputs]
        found = self._heads.read(self._names, own, width, self._settings.confidence)
        kept = found.take(nms(found.boxes, found.confidence, self._settings.overlap))
        return Faces(kept.boxes * np.tile(stretch, 2), kept.confidence, kept.landmarks * stretch)


def input_size(height: int, width: int, max_side_px: int) -> tuple[int, int]:
    """Height and width, pixels, of what a graph of free size is given for an image.

    Args:
        height: Of the image.
        width: Of the image.
        max_side_px: See `DetectSettings`.
    """
    fit = _free_fit(height, width, max_side_px)
    return fit.padded_height, fit.padded_width


def open_detector(
    manifest: ModelManifest, model: bytes, device: Device, threads: int, settings: DetectSettings
) -> Detector:
    """Load a detector and run it once on two images (one, if the graph takes no more).

    Args:
        manifest: What the model is.
        model: The bytes `read_model` gave.
        device: Where it must run.
        threads: CPU threads.
        settings: What counts as a face.

    Raises:
        ModelRefused: Other bytes than pinned, another network than the manifest says, or one with further outputs.
        DeviceUnavailable: The device is not the one that would run.
    """
    check_model(manifest, model)
    ready = fed(model, manifest, device)
    session = open_session(ready.graph, device, threads, pixels=ready.pixels)
    detector = Detector(manifest, session, settings, ready.feed)
    _warm_up(manifest, session, ready.feed, _heads(manifest, session))
    return detector


def _resize(image: Image, fit: _Fit) -> Image:
    shrinks = fit.width < image.shape[1]
    resized = cv2.resize(image, (fit.width, fit.height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def _free_fit(height: int, width: int, max_side_px: int) -> _Fit:
    ratio = min(1.0, max_side_px / max(height, width))
    fitted_width, fitted_height = max(1, round(width * ratio)), max(1, round(height * ratio))
    return _Fit(fitted_width, fitted_height, _whole_cells(fitted_width), _whole_cells(fitted_height))


def _whole_cells(pixels: int) -> int:
    return -(-pixels // _CELL_PX) * _CELL_PX


def _fixed_size(port: Port) -> tuple[int, int] | None:
    height, width = port.shape[2:]
    return None if height is None or width is None else (height, width)


def _heads(manifest: ModelManifest, session: Session) -> Heads:
    """How the graph's outputs are read, once its input and output names agree with the manifest."""
    heads = _HEADS.get(manifest.adapter)
    if heads is None:
        raise ModelRefused(f"{manifest.name}: adapter {manifest.adapter} is no detector; use yunet or scrfd")
    shape = session.input.shape
    if (
        len(shape) != 4
        or shape[0] not in (1, None)
        or shape[1] != 3
        or any((side or 0) % _CELL_PX for side in shape[2:])
    ):
        raise ModelRefused(
            f"{manifest.name}: expected an input (1 or any, 3, height, width) with sides of whole multiples of "
            f"{_CELL_PX}, found {shape}; export the network with channels first"
        )
    names = [port.name for port in session.outputs]
    if not heads.accepts(names):
        raise ModelRefused(
            f"{manifest.name}: adapter {manifest.adapter} expects the outputs {heads.expected}, "
            f"found {', '.join(names)}; choose the right adapter, or a detector without further heads"
        )
    return heads


def _warm_up(manifest: ModelManifest, session: Session, feed: Feed, heads: Heads) -> None:
    n = session.input.shape[0] or 2
    height, width = _fixed_size(session.input) or (_WARM_UP_PX, _WARM_UP_PX)
    outputs = session.run(feed.fill([np.zeros((height, width, 3), np.uint8)] * n, height, width))
    names = [port.name for port in session.outputs]
    for name, output, shape in zip(names, outputs, heads.shapes(names, height * width), strict=True):
        # One image may come without a batch axis, as from newer SCRFD exports.
        if output.shape != (n, *shape) and not (n == 1 and output.shape == shape):
            raise ModelRefused(
                f"{manifest.name}: output {name} has shape {output.shape} for {n} images, expected {(n, *shape)}; "
                "the graph is another network or does not keep its images apart"
            )
