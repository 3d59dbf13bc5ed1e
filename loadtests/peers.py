"""Other pipelines that turn a picture into faces and vectors, each as its own documentation says to call it."""

import importlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import numpy.typing as npt

from loadtests.peer_models import Feed
from operators.detect import DetectSettings  # before ONNX Runtime, which `operators.onnx` must set up
from operators.types import Float32

import onnxruntime  # isort: skip

DEPENDENCIES = "scikit-image lazy-loader imageio tifffile networkx tqdm"  # of both, beside what this project has


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The faces of one picture.

    Attributes:
        boxes: (n, 4) float32, left, top, right, bottom, pixels.
        vectors: (n, d) float32, of length 1.
    """

    boxes: Float32
    vectors: Float32


@dataclass(frozen=True, slots=True)
class Task:
    """What every pipeline is given.

    Attributes:
        detector: The file of an SCRFD.
        embedder: The file of a network that takes crops of 112x112.
        size: Width and height that pictures are laid into.
        detect: What counts as a face.
        threads: Of the models.
    """

    detector: Path
    embedder: Path
    size: tuple[int, int]
    detect: DetectSettings
    threads: int


Look = Callable[[bytes], Found]
"""From a JPEG to its faces."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One pipeline.

    Attributes:
        package: As it is installed.
        detector: How it feeds an SCRFD.
        embedder: How it feeds an embedder.
        open: Loads the models.
    """

    package: str
    detector: Feed
    embedder: Feed
    open: Callable[[Task], Look]

    @property
    def version(self) -> str | None:
        """Which one is installed; None: none is."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    @property
    def advice(self) -> str:
        """How to install it."""
        return (
            f"{self.package} is not installed, and nothing but this benchmark needs it. Put it into a folder of its "
            "own, without what it would bring in place of packages that are here: pip install --target FOLDER "
            f"--no-deps {self.package} {DEPENDENCIES}; then: PYTHONPATH=FOLDER beholden bench peers"
        )


def _insightface(task: Task) -> Look:
    """`FaceAnalysis.get`, over a folder with both models."""
    module = importlib.import_module("insightface.app")
    app = module.FaceAnalysis(
        name=str(task.detector.parent), providers=["CPUExecutionProvider"], sess_options=_options(task.threads)
    )
    app.prepare(ctx_id=0, det_thresh=task.detect.confidence, det_size=task.size)
    app.det_model.nms_thresh = task.detect.overlap

    def look(jpeg: bytes) -> Found:
        faces = app.get(_pixels(jpeg))
        return _found([face.bbox for face in faces], [face.normed_embedding for face in faces])

    return look


def _uniface(task: Task) -> Look:
    """`FaceAnalyzer.analyze`. Its models can only be named, not given: for that time it is told where these lie."""
    detection, recognition, analyzer = (
        importlib.import_module(f"uniface.{name}") for name in ("detection.scrfd", "recognition.mobileface", "analyzer")
    )
    base = importlib.import_module("uniface.recognition.base")

    def session(path: str, providers: object = None) -> Any:
        return onnxruntime.InferenceSession(path, _options(task.threads), providers=["CPUExecutionProvider"])

    with (
        patch.object(detection, "verify_model_weights", lambda _: str(task.detector)),
        patch.object(recognition, "verify_model_weights", lambda _: str(task.embedder)),
        patch.object(detection, "create_onnx_session", session),
        patch.object(base, "create_onnx_session", session),
    ):
        settings = task.detect
        detector = detection.SCRFD(
            confidence_threshold=settings.confidence, nms_threshold=settings.overlap, input_size=task.size
        )
        faces_of = analyzer.FaceAnalyzer(detector=detector, recognizer=recognition.MobileFace()).analyze

    def look(jpeg: bytes) -> Found:
        faces = faces_of(_pixels(jpeg))
        return _found([face.bbox for face in faces], [face.embedding for face in faces])

    return look


PEERS: Mapping[str, Peer] = {
    "insightface": Peer("insightface", Feed("rgb", 127.5, 128.0), Feed("rgb", 127.5, 127.5), _insightface),
    "uniface": Peer("uniface", Feed("bgr", 127.5, 127.5), Feed("rgb", 127.5, 127.5), _uniface),
}


def _pixels(jpeg: bytes) -> npt.NDArray[np.uint8]:
    """As both show it in their examples, from a file."""
    image: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    pixels: npt.NDArray[np.uint8] = image
    return pixels


def _found(boxes: list[Any], vectors: list[Any]) -> Found:
    if not boxes:
        return Found(np.zeros((0, 4), np.float32), np.zeros((0, 0), np.float32))
    return Found(np.array(boxes, np.float32), np.array(vectors, np.float32))


def _options(threads: int) -> Any:
    """Settings of a peer's sessions: the same threads as here, all else as it comes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return options


def quietly(look: Look) -> Look:
    """The same without a peer's warnings about its own use of other packages."""

    def quiet(jpeg: bytes) -> Found:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return look(jpeg)

    return quiet
