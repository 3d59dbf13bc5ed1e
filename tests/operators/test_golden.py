"""Real models on real photographs: the values that two independent implementations agreed on."""

import dataclasses
import hashlib
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from operators.align import align
from operators.decode import decode
from operators.detect import Detector, DetectSettings, open_detector
from operators.embed import Embedder, open_embedder
from operators.jpeg import JpegLimits, check_header
from operators.models import Adapter, ModelManifest, People, read_model
from operators.onnx import Device
from operators.quality import GateReason, QualitySettings, gate_geometry, gate_sharpness
from operators.types import Faces, Float32, Image

pytestmark = pytest.mark.testdata

MANIFESTS = Path(__file__).parents[2] / "configs" / "models"
LIMITS = JpegLimits(max_bytes=10_000_000, max_side_px=8192, max_pixels=40_000_000, min_side_px=16, max_scans=20)
SMALL, LARGE, EMBEDDER = "yunet-2026may", "yunet-n-dynamic", "mobilefacenet-foamliu-dynbatch"
OVERLAP = {"scrfd-500m-kps": 0.4}

# Box, confidence, landmarks and the first four numbers of the embedding of the largest face.
GOLDEN = {
    ("obama.jpg", SMALL): (
        [373.6, 94.3, 605.3, 415.6],
        0.9452,
        [[443.1, 207.4], [550.5, 209.7], [500.7, 270.9], [445.1, 317.2], [544.4, 318.7]],
        [0.1982, -0.0270, 0.0035, 0.0162],
    ),
    ("obama.jpg", LARGE): (
        [377.0, 73.5, 603.7, 430.5],
        0.9609,
        [[442.5, 210.4], [555.4, 208.4], [506.0, 278.0], [445.5, 322.6], [557.0, 320.4]],
        [0.1620, 0.0157, 0.0166, -0.0319],
    ),
    ("biden2.jpg", SMALL): (
        [411.7, 211.7, 850.9, 711.0],
        0.8931,
        [[553.1, 405.4], [754.7, 409.2], [663.5, 520.3], [553.9, 580.1], [742.2, 584.2]],
        [-0.0406, 0.0749, -0.0328, -0.0122],
    ),
}
# Cosines with both faces from the large detector, both from the small one, and one from each.
COSINES = {
    ("obama.jpg", "obama2.jpg"): (0.722, 0.725, 0.707),
    ("biden.jpg", "biden2.jpg"): (0.639, 0.625, 0.625),
    ("obama.jpg", "biden.jpg"): (-0.005, -0.002, -0.004),
    ("obama2.jpg", "biden2.jpg"): (0.134, 0.181, 0.140),
    ("obama.jpg", "obama_partial_face.jpg"): (0.848, 0.881, 0.872),
}


class Bench:
    """Models and photographs, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.image = cache(self._image)
        self.detector = cache(self._detector)
        self.vector = cache(self._vector)

    def manifest(self, name: str) -> ModelManifest:
        """One of the project's own manifests."""
        fields = yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text())
        mean, scale = tuple(fields.pop("mean")), tuple(fields.pop("scale"))
        adapter, people = Adapter(fields.pop("adapter")), People(fields.pop("people"))
        return ModelManifest(adapter=adapter, people=people, mean=mean, scale=scale, **fields)

    def model(self, name: str) -> tuple[ModelManifest, bytes]:
        """A manifest and the file it pins."""
        manifest = self.manifest(name)
        research = name.startswith("scrfd")
        folder = self._folder / "models" / ("research-only" if research else "")
        return manifest, read_model(manifest, folder)

    def photograph(self, name: str) -> Image:
        """At its own size."""
        data = (self._folder / "images" / name).read_bytes()
        return decode(data, check_header(data, LIMITS))

    def _image(self, name: str) -> Image:
        """With a longer side of 1280 at most, by area, as when the values were taken."""
        image = self.photograph(f"ageitgey/{name}")
        ratio = 1280 / max(image.shape[:2])
        if ratio >= 1:
            return image
        size = round(image.shape[1] * ratio), round(image.shape[0] * ratio)
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _detector(self, name: str, confidence: float = 0.6, max_side_px: int = 1280) -> Detector:
        settings = DetectSettings(confidence, OVERLAP.get(name, 0.3), max_side_px)
        return open_detector(*self.model(name), Device.CPU, 2, settings)

    def faces(self, image: str, detector: str) -> Faces:
        """By size, largest first."""
        faces = self.detector(detector).detect(self.image(image))
        sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
        return faces.take(np.argsort(-sides.prod(axis=1)))

    def _vector(self, image: str, detector: str) -> Float32:
        embedded = self.embedder.embed(align(self.image(image), self.faces(image, detector).landmarks[:1]))
        vector: Float32 = embedded[0]
        return vector

    @property
    def embedder(self) -> Embedder:
        """The one embedder at hand."""
        if not hasattr(self, "_embedder"):
            self._embedder = open_embedder(*self.model(EMBEDDER), Device.CPU, 2)
        return self._embedder


@pytest.fixture(scope="module")
def bench(testdata: Path) -> Bench:
    """Everything under the folder of test data."""
    return Bench(testdata)


@pytest.mark.parametrize(("image", "detector"), GOLDEN)
def test_detection(bench: Bench, image: str, detector: str) -> None:
    """Box and landmarks within a pixel, confidence within 0.01."""
    box, confidence, landmarks, _ = GOLDEN[image, detector]
    faces = bench.faces(image, detector)
    np.testing.assert_allclose(faces.boxes[0], box, atol=1)
    np.testing.assert_allclose(faces.landmarks[0], landmarks, atol=1)
    assert faces.confidence[0] == pytest.approx(confidence, abs=0.01)


@pytest.mark.parametrize(("image", "detector"), GOLDEN)
def test_embedding(bench: Bench, image: str, detector: str) -> None:
    """The first numbers of the unit vector: a wrong colour order, mean or scale is off by more."""
    vector = bench.vector(image, detector)
    np.testing.assert_allclose(vector[:4], GOLDEN[image, detector][3], atol=0.01)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("first", "second"), COSINES)
def test_cosines(bench: Bench, first: str, second: str) -> None:
    """Of pairs of photographs, with the landmarks of one detector and of two."""
    found = [
        float(bench.vector(first, one) @ bench.vector(second, other))
        for one, other in ((LARGE, LARGE), (SMALL, SMALL), (LARGE, SMALL))
    ]
    assert found == pytest.approx(COSINES[first, second], abs=0.01)


@pytest.mark.parametrize("detector", [SMALL, LARGE])
def test_people_in_a_group(bench: Bench, detector: str) -> None:
    """In a photograph of three people the two known ones are found by their portraits, and only they."""
    image = bench.image("obama_and_biden.jpg")
    vectors = bench.embedder.embed(align(image, bench.detector(detector).detect(image).landmarks))
    assert len(vectors) == 3
    for portrait in ("obama.jpg", "biden.jpg"):
        cosines = np.sort(vectors @ bench.vector(portrait, detector))
        assert cosines[-1] > 0.55
        assert cosines[-2] < 0.25


@pytest.mark.parametrize(
    ("detector", "confidence"), [(SMALL, 0.7), (LARGE, 0.7), ("yunet-2023mar", 0.6), ("scrfd-500m-kps", 0.5)]
)
def test_a_crowd_of_29(bench: Bench, detector: str, confidence: float) -> None:
    """Every person of an old group photograph is found once, by both families and both kinds of input."""
    faces = bench.detector(detector, confidence).detect(bench.photograph("crowd/solvay1927_29faces.jpg"))
    assert len(faces) == 29
    assert (np.diff(faces.confidence) <= 0).all()


def test_opencv_finds_the_same(bench: Bench, testdata: Path) -> None:
    """OpenCV's own implementation gives the same faces, boxes and landmarks."""
    image = bench.photograph("crowd/solvay1927_29faces.jpg")
    ours = bench.detector("yunet-s-dynamic", 0.7, 4096).detect(image)
    manifest = bench.manifest("yunet-2023mar")
    path = str(testdata / "models" / manifest.file)
    height, width = image.shape[:2]
    _, rows = cv2.FaceDetectorYN.create(path, "", (width, height), 0.7, 0.3, 5000).detect(image)
    rows = rows[np.argsort(-rows[:, 14], kind="stable")]
    np.testing.assert_allclose(ours.confidence, rows[:, 14], atol=1e-3)
    np.testing.assert_allclose(ours.boxes[:, :2], rows[:, :2], atol=0.01)
    np.testing.assert_allclose(ours.boxes[:, 2:] - ours.boxes[:, :2], rows[:, 2:4], atol=0.01)
    np.testing.assert_allclose(ours.landmarks.reshape(-1, 10), rows[:, 4:14], atol=0.01)


def test_a_batch_of_two_equals_two_runs(bench: Bench) -> None:
    """With an open batch, faces do not depend on what else is in the batch."""
    detector = bench.detector("yunet-s-dynamic")
    image = bench.image("biden2.jpg")
    pair = [image, image[:, ::-1].copy()]
    for together, single in zip(detector.detect_batch(pair), map(detector.detect, pair), strict=True):
        assert len(together) >= 1
        np.testing.assert_array_equal(together.boxes, single.boxes)
        np.testing.assert_array_equal(together.landmarks, single.landmarks)


def test_the_derived_embedder_equals_the_original(bench: Bench, testdata: Path) -> None:
    """The graph with an open batch gives, crop by crop, what the original of batch 1 gives."""
    derived = bench.embedder
    model = (testdata / "models" / "mobilefacenet_foamliu.onnx").read_bytes()
    manifest = bench.manifest(EMBEDDER)
    original = _with_bytes(manifest, model)
    crops = np.concatenate(
        [align(bench.image(name), bench.faces(name, SMALL).landmarks[:1]) for name in ("obama.jpg", "biden2.jpg")]
    )
    np.testing.assert_allclose(derived.embed(crops), original.embed(crops), atol=1e-6)


def test_a_scaled_decode_keeps_the_person(bench: Bench, testdata: Path) -> None:
    """The decoder's half size moves an embedding a little, not to another person."""
    data = (testdata / "images" / "ageitgey" / "biden2.jpg").read_bytes()
    half = decode(data, check_header(data, LIMITS), 500)
    assert max(half.shape) == 600
    landmarks = bench.detector(SMALL).detect(half).landmarks[:1]
    vector = bench.embedder.embed(align(half, landmarks))[0]
    assert float(vector @ bench.vector("biden2.jpg", SMALL)) > 0.9


def test_studio_portraits_pass_the_gates_and_blurred_ones_do_not(bench: Bench, testdata: Path) -> None:
    """Frontal sharp faces pass suggested limits; the same faces out of focus do not, nor small ones."""
    settings = QualitySettings(0.7, 40, max_turn=0.2, max_tilt_deg=20, min_inside=0.5, min_sharpness=0.25)
    small = QualitySettings(0.7, 1000, max_turn=0.2, max_tilt_deg=20, min_inside=0.5, min_sharpness=0.25)
    for path in sorted((testdata / "images" / "amfd_640").glob("*.jpg"))[::11]:
        image = bench.photograph(f"amfd_640/{path.name}")
        faces = bench.detector(SMALL, 0.7).detect(image)
        width = float(faces.boxes[0, 2] - faces.boxes[0, 0])
        blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), 3 * width / 112), np.uint8)
        assert gate_geometry(faces, image.shape, settings) == [None]
        assert gate_geometry(faces, image.shape, small) == [GateReason.TOO_SMALL]
        assert gate_sharpness(align(image, faces.landmarks), settings) == [None]
        assert gate_sharpness(align(blurred, faces.landmarks), settings) == [GateReason.BLURRED]


def _with_bytes(manifest: ModelManifest, model: bytes) -> Embedder:

    pinned = dataclasses.replace(manifest, size_bytes=len(model), sha256=hashlib.sha256(model).hexdigest())
    return open_embedder(pinned, model, Device.CPU, 2)
