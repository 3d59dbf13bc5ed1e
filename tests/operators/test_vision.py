import dataclasses
import itertools
import threading
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from operators.align import TEMPLATE
from operators.decode import decode, encode
from operators.detect import Detector, DetectSettings
from operators.embed import Embedder
from operators.errors import FrameReason, FrameRefused, ModelRefused
from operators.jpeg import JpegLimits, check_header
from operators.models import Adapter
from operators.onnx import Device, Session, open_session
from operators.quality import QualitySettings
from operators.types import Faces, Float32, Image
from operators.vision import Seen, Vision

QUALITY = QualitySettings(
    min_confidence=0.5, min_face_width_px=40, max_turn=0.5, max_tilt_deg=30, min_inside=0.5, min_sharpness=0.0001
)
LIMITS = JpegLimits(max_bytes=1_000_000, max_side_px=4096, max_pixels=16_000_000, min_side_px=8, max_scans=20)


class FakeDetector:
    """Says what it is told for the n-th image, whatever that shows; remembers the shapes it was given."""

    provider = "FakeExecutionProvider"

    def __init__(self, *faces: Faces, batch: int | None = None) -> None:
        self.batch = batch
        self.calls: list[list[tuple[int, ...]]] = []
        self.forgotten = 0
        self._faces = iter(faces)

    def forget(self) -> None:
        """Count."""
        self.forgotten += 1

    def detect(self, image: Image) -> Faces:
        """See `Detector.detect`."""
        self.calls.append([image.shape])
        return next(self._faces)

    def detect_batch(self, images: list[Image]) -> list[Faces]:
        """See `Detector.detect_batch`."""
        assert len({image.shape for image in images}) == 1
        self.calls.append([image.shape for image in images])
        return [next(self._faces) for _ in images]


class FakeEmbedder:
    """The vector of a crop is its number among all crops ever seen."""

    dimension = 3
    chunk = 5

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.forgotten = 0

    def forget(self) -> None:
        """Count."""
        self.forgotten += 1

    def embed(self, crops: npt.NDArray[np.uint8]) -> Float32:
        """See `Embedder.embed`."""
        assert crops.shape[1:] == (112, 112, 3)
        start = sum(self.calls)
        self.calls.append(len(crops))
        return np.repeat(np.arange(start, start + len(crops), dtype=np.float32)[:, None], self.dimension, axis=1)


def _vision(detector: FakeDetector, embedder: FakeEmbedder | None = None, **changes: Any) -> Vision:
    fields: dict[str, Any] = {"quality": QUALITY, "limits": LIMITS, "max_side_px": 4096, "max_faces": 10}
    eyes = cast("Detector", detector)
    return Vision(eyes, cast("Embedder", embedder or FakeEmbedder()), **{**fields, **changes})


def _jpeg(width: int = 320, height: int = 240) -> bytes:
    """Fine stripes, so that every crop is sharp."""
    y, x = np.mgrid[:height, :width]
    return encode(np.repeat((127 + 120 * np.sin(x / 2 + y / 3))[..., None], 3, axis=2).astype(np.uint8), 90)


def _faces(*places: tuple[float, float, float], confidence: float = 0.9) -> Faces:
    """Upright faces (left, top, width), as wide as high."""
    boxes = np.array([(x, y, x + side, y + side) for x, y, side in places], np.float32).reshape(-1, 4)
    landmarks = np.array([TEMPLATE * (side / 112) + (x, y) for x, y, side in places], np.float32).reshape(-1, 5, 2)
    return Faces(boxes, np.full(len(places), confidence, np.float32), landmarks)


def _seen(found: Seen | FrameRefused) -> Seen:
    assert isinstance(found, Seen)
    return found


def test_faces_come_back_in_order_with_their_vectors() -> None:
    """One embedding call for all frames, its rows dealt out again frame by frame."""
    embedder = FakeEmbedder()
    vision = _vision(FakeDetector(_faces((0, 0, 60), (100, 0, 60)), _faces((50, 50, 80))), embedder)
    first, second = (_seen(one) for one in vision.see([_jpeg(), _jpeg()]))
    assert embedder.calls == [3]
    np.testing.assert_array_equal(first.vectors[:, 0], [0, 1])
    np.testing.assert_array_equal(second.vectors[:, 0], [2])
    np.testing.assert_allclose(second.faces.boxes, [[50, 50, 130, 130]])
    np.testing.assert_array_equal(vision.join([first, second])[:, 0], [0, 1, 2])


def test_no_frames_no_faces_no_vectors() -> None:
    """Nothing in, nothing out, and the joined vectors keep their width."""
    vision = _vision(FakeDetector())
    assert vision.see([]) == []
    assert vision.join([]).shape == (0, 3)


def test_a_frame_without_faces_is_seen() -> None:
    """It is no error, and joins with others."""
    vision = _vision(FakeDetector(Faces.none(), _faces((0, 0, 60)), Faces.none()))
    found = [_seen(one) for one in vision.see([_jpeg()] * 3)]
    assert [(len(one.faces), one.vectors.shape, one.gated.total()) for one in found] == [
        (0, (0, 3), 0),
        (1, (1, 3), 0),
        (0, (0, 3), 0),
    ]
    assert vision.join(found).shape == (1, 3)
    assert vision.join([found[0]]).shape == (0, 3)


def test_a_frame_without_faces_is_as_one_whose_faces_are_all_refused() -> None:
    """The short way gives what the long one does, but for what was refused."""
    empty, refused = (
        _seen(one) for one in _vision(FakeDetector(Faces.none(), _faces((0, 0, 20)))).see([_jpeg(320, 200)] * 2)
    )
    for short, long in ((empty.faces, refused.faces), (empty.origin.found, refused.origin.found.take(np.arange(0)))):
        for name in ("boxes", "confidence", "landmarks"):
            a, b = getattr(short, name), getattr(long, name)
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
    for a, b in ((empty.numbers, refused.numbers), (empty.origin.crops, refused.origin.crops)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
    assert empty.origin.shape == refused.origin.shape == (200, 320)
    assert (empty.gated.total(), refused.gated.total()) == (0, 1)
    assert 0 < empty.times.decode[0] < empty.times.decode[1] <= empty.times.gate[0] == empty.times.gate[1]


@pytest.mark.parametrize(("side", "decoded"), [(1280, 1280), (640, 640), (480, 480), (300, 320)])
def test_boxes_and_landmarks_are_in_pixels_of_the_frame(side: int, decoded: int) -> None:
    """Whatever scale the decoder chose, a face of the whole decoded image is a face of the whole frame."""
    detector = FakeDetector(_faces((0, 0, decoded / 2)))
    [found] = _vision(detector, max_side_px=side).see([_jpeg(1280, 640)])
    assert detector.calls == [[(decoded // 2, decoded, 3)]]
    seen = _seen(found)
    np.testing.assert_allclose(seen.faces.boxes, [[0, 0, 640, 640]], rtol=1e-6)
    np.testing.assert_allclose(seen.faces.landmarks[0], TEMPLATE * (640 / 112), rtol=1e-4)


def test_scaling_odd_sizes_is_right_within_one_decoded_pixel() -> None:
    """The decoder rounds up, in width and height apart."""
    detector = FakeDetector(_faces((0, 0, 50)))
    [found] = _vision(detector, max_side_px=120).see([_jpeg(1001, 533)])
    assert detector.calls == [[(67, 126, 3)]]
    np.testing.assert_allclose(_seen(found).faces.boxes, [[0, 0, 400, 400]], atol=8)


def test_gated_faces_are_counted_and_neither_cut_nor_embedded() -> None:
    """Each reason by itself; the numbers say which faces are left."""
    turned = _faces((100, 100, 60))
    turned.landmarks[:, 2, 0] += 40
    parts = [_faces((0, 0, 60)), _faces((0, 0, 20)), turned, _faces((300, 0, 60)), _faces((200, 100, 60))]
    parts += [_faces((0, 100, 60), confidence=0.4)]
    faces = Faces(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
    )
    embedder = FakeEmbedder()
    [found] = _vision(FakeDetector(faces), embedder).see([_jpeg()])
    seen = _seen(found)
    assert seen.gated == {"too_small": 1, "pose": 1, "outside": 1, "low_confidence": 1}
    np.testing.assert_array_equal(seen.numbers, [0, 4])
    np.testing.assert_allclose(seen.faces.boxes[1], [200, 100, 260, 160])
    assert embedder.calls == [2]


def test_blurred_faces_are_counted_after_they_were_cut() -> None:
    """One sharp face between two on a plain ground keeps its own number and vector."""
    image = np.full((240, 320, 3), 128, np.uint8)
    image[80:160, 120:200] = np.random.default_rng(0).integers(0, 256, (80, 80, 1))
    detector = FakeDetector(_faces((0, 0, 60), (130, 90, 60), (250, 170, 60)))
    quality = QualitySettings(0.5, 40, 0.5, 30, 0.5, 0.15)
    [found] = _vision(detector, quality=quality).see([encode(image, 95)])
    seen = _seen(found)
    assert seen.gated == {"blurred": 2}
    np.testing.assert_array_equal(seen.numbers, [1])
    assert seen.vectors.shape == (1, 3)


@pytest.mark.parametrize("decode_threads", [1, 3])
@pytest.mark.parametrize("detect_batch", [1, 2, 3, 8])
def test_a_refused_frame_moves_nothing_of_the_others(detect_batch: int, decode_threads: int) -> None:
    """Refusals keep their places, the others their faces, at any batch size."""
    detector = FakeDetector(_faces((0, 0, 60)), _faces((10, 0, 60), (100, 0, 60)), _faces((20, 0, 60)))
    whole = _jpeg()
    frames = [b"", whole, b"no picture", whole, whole[:-500], whole]
    found = _vision(detector, detect_batch=detect_batch, decode_threads=decode_threads).see(frames)
    reasons = [one.reason if isinstance(one, FrameRefused) else None for one in found]
    assert reasons == [FrameReason.EMPTY, None, FrameReason.NOT_JPEG, None, FrameReason.TRUNCATED, None]
    lefts = [one.faces.boxes[:, 0].tolist() for one in found if isinstance(one, Seen)]
    assert lefts == [[0], [10, 100], [20]]
    assert [one.vectors[:, 0].tolist() for one in found if isinstance(one, Seen)] == [[0], [1, 2], [3]]


@pytest.mark.parametrize("detect_batch", [1, 4])
def test_frames_that_are_all_refused(detect_batch: int) -> None:
    """The models are not asked."""
    detector, embedder = FakeDetector(), FakeEmbedder()
    found = _vision(detector, embedder, detect_batch=detect_batch).see([b"", b"x"])
    assert all(isinstance(one, FrameRefused) for one in found)
    assert (detector.calls, sum(embedder.calls)) == ([], 0)


def test_a_frame_with_too_many_faces_is_refused_alone() -> None:
    """At the limit it is processed, above it refused, and the next frame is untouched."""
    row = [(30.0 * at, 0.0, 60.0) for at in range(4)]
    detector = FakeDetector(_faces(*row[:3]), _faces(*row), _faces(*row[:1]))
    embedder = FakeEmbedder()
    at, above, after = _vision(detector, embedder, max_faces=3).see([_jpeg()] * 3)
    assert len(_seen(at).faces) == 3
    assert isinstance(above, FrameRefused)
    assert above.reason is FrameReason.TOO_MANY_FACES
    assert len(_seen(after).faces) == 1
    assert embedder.calls == [4]


def test_images_of_one_size_go_to_the_detector_together() -> None:
    """Five frames at three a time are two calls."""
    detector = FakeDetector(*[_faces((at, 0, 60)) for at in range(5)])
    found = _vision(detector, detect_batch=3).see([_jpeg()] * 5)
    assert [len(call) for call in detector.calls] == [3, 2]
    assert [float(_seen(one).faces.boxes[0, 0]) for one in found] == [0, 1, 2, 3, 4]


def test_later_frames_are_decoded_while_the_networks_look_at_earlier_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last frame's decoder ends before the first one's detector does, which waits for it."""
    ended = threading.Event()
    last = _jpeg(400)

    def decoded(data: bytes, *given: Any) -> Image:
        image = decode(data, *given)
        if data == last:
            ended.set()
        return image

    class Waits(FakeDetector):
        """Waits for the last frame."""

        def detect(self, image: Image) -> Faces:
            """Nobody."""
            assert ended.wait(10)
            return Faces.none()

    monkeypatch.setattr("operators.vision.decode", decoded)
    frames = [_jpeg(), _jpeg(), last]
    assert [len(_seen(one).faces) for one in _vision(Waits(), decode_threads=2).see(frames)] == [0, 0, 0]


def test_images_of_different_sizes_keep_their_order() -> None:
    """The detector never gets two sizes in one call."""
    faces = {(240, 320, 3): _faces((1, 0, 60)), (240, 400, 3): _faces((2, 0, 60))}

    class BySize(FakeDetector):
        """Tells the sizes apart."""

        def detect(self, image: Image) -> Faces:
            """By size."""
            return faces[image.shape]

        def detect_batch(self, images: list[Image]) -> list[Faces]:
            """By size, one size only."""
            assert len({image.shape for image in images}) == 1
            return [self.detect(image) for image in images]

    widths = [320, 400, 320, 400, 400, 320, 320]
    found = _vision(BySize(), detect_batch=3).see([_jpeg(width) for width in widths])
    assert [float(_seen(one).faces.boxes[0, 0]) for one in found] == [1 if width == 320 else 2 for width in widths]


def test_a_detector_of_fixed_batch_takes_no_more() -> None:
    """The message says what to set."""
    with pytest.raises(ModelRefused, match=r"detect_batch is 4.*set it to 1"):
        _vision(FakeDetector(batch=1), detect_batch=4)
    assert _vision(FakeDetector(batch=1), detect_batch=1).provider == "FakeExecutionProvider"


def test_pixels_are_forgotten_when_a_batch_is_seen_and_when_it_fails() -> None:
    """Once a batch, not once a frame."""
    detector, embedder = FakeDetector(_faces((0, 0, 60)), _faces((0, 0, 60))), FakeEmbedder()
    _vision(detector, embedder).see([_jpeg(), _jpeg()])
    assert (detector.forgotten, embedder.forgotten) == (1, 1)
    empty = FakeDetector()
    with pytest.raises((StopIteration, RuntimeError)):
        _vision(empty, embedder).see([_jpeg()])
    assert (empty.forgotten, embedder.forgotten) == (1, 2)


def test_the_check_asks_as_much_of_the_networks_as_any_frame_does() -> None:
    """A picture of the longest side both ways, and as many crops as the embedder takes; it forgets them."""
    detector, embedder = FakeDetector(Faces.none()), FakeEmbedder()
    _vision(detector, embedder, max_side_px=64).check()
    assert (detector.calls, embedder.calls) == ([[(64, 64, 3)]], [5])
    assert (detector.forgotten, embedder.forgotten) == (1, 1)


def test_the_check_fails_when_the_embedder_does() -> None:
    """A plain picture has no face: the detector alone would say nothing of it."""

    class Broken(FakeEmbedder):
        def embed(self, crops: npt.NDArray[np.uint8]) -> Float32:
            """See `Embedder.embed`."""
            raise MemoryError

    with pytest.raises(MemoryError):
        _vision(FakeDetector(Faces.none()), Broken()).check()


def _watched(model: bytes, fed: list[Float32]) -> Session:
    """A loaded graph that keeps hold of what it is fed."""
    session = open_session(model, Device.CPU, 1)

    def run(values: Float32) -> list[Float32]:
        fed.append(values)
        assert values.any()
        return session.run(values)

    return dataclasses.replace(session, run=run)


@pytest.mark.parametrize("detect_batch", [1, 2])
def test_no_byte_of_the_networks_inputs_is_left(yunet: Any, embedder: Any, describe: Any, detect_batch: int) -> None:
    """With detector and embedder as they are, for frames of two sizes, the larger one last."""
    seen_by: tuple[list[Float32], list[Float32]] = ([], [])
    settings = DetectSettings(confidence=0.5, overlap=0.3, max_side_px=640)
    eyes = Detector(describe(yunet(), Adapter.YUNET), _watched(yunet(), seen_by[0]), settings)
    memory = Embedder(describe(embedder(), Adapter.EMBEDDER112), _watched(embedder(), seen_by[1]))
    # Landmarks of the drawn network lie on a diagonal.
    quality = QualitySettings(0.5, 10, max_turn=0.5, max_tilt_deg=60, min_inside=0.5, min_sharpness=0)
    small, large = np.zeros((128, 128, 3), np.uint8), np.zeros((192, 256, 3), np.uint8)
    small[40:48, 40:48] = large[40:48, 40:48] = 255
    vision = Vision(eyes, memory, quality, LIMITS, max_side_px=640, max_faces=10, detect_batch=detect_batch)
    found = vision.see([encode(image, 95) for image in (small, small, large, large)])
    assert all(len(_seen(one).faces) == 1 for one in found)
    assert [sum(map(len, fed)) for fed in seen_by] == [4, 4]
    assert not any(values.any() for fed in seen_by for values in fed)


def test_the_crops_that_were_embedded_stay_with_what_was_seen() -> None:
    """One for each face that is compared, in the order of the vectors; all detected faces beside them."""

    class Keeps(FakeEmbedder):
        crops: npt.NDArray[np.uint8]

        def embed(self, crops: npt.NDArray[np.uint8]) -> Float32:
            self.crops = crops.copy()
            return super().embed(crops)

    embedder = Keeps()
    found = _faces((0, 0, 60), (10, 100, 20), (100, 0, 60))
    [seen] = (_seen(one) for one in _vision(FakeDetector(found), embedder).see([_jpeg()]))
    np.testing.assert_array_equal(seen.origin.crops, embedder.crops)
    assert seen.numbers.tolist() == [0, 2]
    assert len(seen.origin.found) == 3
    assert seen.origin.shape == (240, 320)


def test_a_context_shows_one_face_and_no_other() -> None:
    """Neighbours are grey, also one that is too small to be compared."""
    faces = _faces((100, 60, 60), (165, 60, 60), (70, 60, 20))
    vision = _vision(FakeDetector(faces))
    jpeg = _jpeg()
    [seen] = (_seen(one) for one in vision.see([jpeg]))
    assert seen.numbers.tolist() == [0, 1]
    shown = decode(context := vision.context(jpeg, seen, 0), check_header(context, LIMITS))
    whole = decode(jpeg, check_header(jpeg, LIMITS))
    assert shown.shape == (108, 108, 3)  # 60 px and four tenths of it on each side, from (76, 36) on
    assert np.abs(shown[24:84, 90:108].astype(int) - 128).max() <= 12  # the neighbour on the right
    assert np.abs(shown[25:43, :13].astype(int) - 128).max() <= 12  # the small one on the left
    face = np.abs(shown[24:84, 26:80].astype(int) - whole[60:120, 102:156].astype(int))
    assert np.median(face) <= 8
    assert np.abs(shown[24:84, 26:80].astype(int) - 128).max() > 60


@pytest.mark.parametrize(
    ("detect_batch", "decode", "detect", "gate"),
    [
        (1, [(0, 1), (6, 7)], [(2, 3), (8, 9)], [(4, 5), (10, 11)]),
        (2, [(0, 1), (2, 3)], [(4, 5), (4, 5)], [(6, 7), (8, 9)]),
    ],
)
def test_each_stage_is_timed(
    monkeypatch: pytest.MonkeyPatch, detect_batch: int, decode: Any, detect: Any, gate: Any
) -> None:
    """On a clock that moves when it is looked at; what is done for both has one time, and one frame's part of it."""
    clock = itertools.count()
    detector = FakeDetector(_faces((0, 0, 60)), _faces((0, 0, 60)))
    monkeypatch.setattr("operators.vision.time.perf_counter_ns", lambda: next(clock))
    found = [_seen(one).times for one in _vision(detector, detect_batch=detect_batch).see([_jpeg(), _jpeg()])]
    assert [one.decode for one in found] == decode
    assert [one.detect for one in found] == detect
    assert [one.gate for one in found] == gate
    assert found[0].embed == found[1].embed == (gate[1][1] + 1, gate[1][1] + 2)
    assert found[0].looked_s == pytest.approx((1 + 1 / detect_batch) / 1e9)
