import dataclasses
from typing import Any

import numpy as np
import pytest

from operators.detect import Detector, DetectSettings, open_detector
from operators.errors import ModelRefused
from operators.models import Adapter
from operators.onnx import Device, open_session
from operators.types import Float32, Image

SETTINGS = DetectSettings(confidence=0.5, overlap=0.3, max_side_px=320)


@pytest.fixture(scope="module")
def dynamic(yunet: Any, describe: Any) -> Detector:
    """Any size, any batch."""
    model = yunet()
    return open_detector(describe(model, Adapter.YUNET), model, Device.CPU, 1, SETTINGS)


def _scene(height: int, width: int, *cells: tuple[int, int, int]) -> Image:
    """A black image with bright 8x8 cells: (column, row, brightness)."""
    image = np.zeros((height, width, 3), np.uint8)
    for column, row, brightness in cells:
        image[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = brightness
    return image


def _expected(column: int, row: int) -> list[float]:
    x, y = 8 * column + 4, 8 * row + 4
    return [x - 16, y - 16, x + 16, y + 16]


def test_faces_come_in_pixels_of_the_image_most_confident_first(dynamic: Detector) -> None:
    """Sides that are no whole cells are padded, and order follows confidence, not place."""
    faces = dynamic.detect(_scene(101, 203, (3, 4, 153), (15, 9, 255), (20, 2, 204)))
    np.testing.assert_allclose(faces.boxes, [_expected(15, 9), _expected(20, 2), _expected(3, 4)], atol=1e-3)
    np.testing.assert_allclose(faces.confidence, [1, 0.8, 0.6], atol=1e-5)
    np.testing.assert_allclose(faces.landmarks[0], [[120 + n, 72 + n] for n in range(5)], atol=1e-3)


def test_an_empty_scene_has_no_faces(dynamic: Detector) -> None:
    """No face gives Faces of length 0."""
    assert len(dynamic.detect(_scene(64, 64))) == 0


def test_the_buffer_of_a_larger_image_leaves_no_trace(dynamic: Detector) -> None:
    """What a former image left in the kept buffer is never seen again."""
    bright = np.full((160, 256, 3), 255, np.uint8)
    for height, width in ((101, 203), (33, 47), (160, 200)):
        dynamic.detect(bright)
        assert len(dynamic.detect(_scene(height, width))) == 0


@pytest.mark.parametrize(
    ("height", "width", "fed"), [(96, 160, (96, 160)), (97, 161, (128, 192)), (720, 1280, (192, 320)), (5, 4, (32, 32))]
)
def test_the_network_is_fed_no_more_than_whole_cells(
    yunet: Any, describe: Any, height: int, width: int, fed: tuple[int, int]
) -> None:
    """Shrunk to max_side_px, then padded to the next multiple of 32 and not beyond."""
    model = yunet()
    session = open_session(model, Device.CPU, 1)
    shapes = []

    def run(values: Float32) -> list[Float32]:
        shapes.append(values.shape)
        return session.run(values)

    watched = dataclasses.replace(session, run=run)
    Detector(describe(model, Adapter.YUNET), watched, SETTINGS).detect(_scene(height, width))
    assert shapes == [(1, 3, *fed)]


def test_what_the_network_was_fed_can_be_forgotten(yunet: Any, describe: Any) -> None:
    """No byte but zeros is left, also of a batch before the last image."""
    model = yunet()
    session = open_session(model, Device.CPU, 1)
    fed: list[Float32] = []

    def run(values: Float32) -> list[Float32]:
        fed.append(values)
        return session.run(values)

    watched = dataclasses.replace(session, run=run)
    detector = Detector(describe(model, Adapter.YUNET, mean=(9.0, 9.0, 9.0)), watched, SETTINGS)
    detector.detect_batch([_scene(96, 96, (5, 5, 255))] * 2)
    detector.detect(_scene(64, 64))
    assert all(values.any() for values in fed)
    detector.forget()
    assert len(fed) == 2
    assert not any(values.any() for values in fed)


def test_images_are_left_as_they_are_and_may_be_read_only(dynamic: Detector) -> None:
    """An image from a read-only buffer is detected and not written to."""
    image = _scene(96, 96, (5, 5, 255))
    image.flags.writeable = False
    assert len(dynamic.detect(image)) == 1


def test_large_images_are_shrunk_and_coordinates_scaled_back(dynamic: Detector) -> None:
    """A side above max_side_px is shrunk; boxes come back in pixels of the original."""
    small = _scene(120, 320, (10, 5, 255))
    large = small.repeat(3, axis=0).repeat(3, axis=1)
    np.testing.assert_allclose(dynamic.detect(large).boxes, dynamic.detect(small).boxes * 3, atol=0.05)


@pytest.mark.parametrize(("height", "width"), [(320, 640), (480, 640), (640, 320), (160, 320), (1280, 960)])
def test_a_fixed_graph_letterboxes(yunet: Any, describe: Any, height: int, width: int) -> None:
    """Wide, tall, small and large images are fitted into 640x640, and coordinates come back."""
    model = yunet(1, 640, 640)
    detector = open_detector(describe(model, Adapter.YUNET), model, Device.CPU, 1, SETTINGS)
    ratio = 640 / max(height, width)
    y, x = round(80 / ratio), round(160 / ratio)
    image = np.zeros((height, width, 3), np.uint8)
    image[y : round(88 / ratio), x : round(168 / ratio)] = 255
    faces = detector.detect(image)
    assert detector.batch == 1
    np.testing.assert_allclose(faces.boxes, [np.array(_expected(20, 10)) / ratio], atol=1)


@pytest.mark.parametrize("flat", [False, True])
def test_scrfd_with_and_without_batch_axis(scrfd: Any, describe: Any, flat: bool) -> None:
    """Both kinds of export give the same faces, black padding is fed as black."""
    model = scrfd(flat=flat)
    manifest = describe(model, Adapter.SCRFD, colour="rgb", mean=(127.5,) * 3, scale=(128.0,) * 3)
    detector = open_detector(manifest, model, Device.CPU, 1, SETTINGS)
    faces = detector.detect(_scene(320, 640, (10, 5, 255), (30, 20, 230)))
    np.testing.assert_allclose(faces.boxes, [[72, 32, 112, 56], [232, 152, 272, 176]], atol=1e-3)
    np.testing.assert_allclose(faces.confidence, [1, 0.5 + 0.5 * (230 - 127.5) / 127.5], atol=1e-4)
    np.testing.assert_allclose(faces.landmarks[1], [[240 + n, 160 + n] for n in range(5)], atol=1e-3)


def test_a_batch_equals_its_images_one_by_one(dynamic: Detector) -> None:
    """Images of a batch do not see each other."""
    images = [_scene(96, 160, (4, 4, 255)), _scene(96, 160), _scene(96, 160, (9, 9, 200), (2, 3, 220))]
    together = dynamic.detect_batch(images)
    for faces, image in zip(together, images, strict=True):
        alone = dynamic.detect(image)
        assert (faces.boxes == alone.boxes).all()
        assert (faces.confidence == alone.confidence).all()
        assert (faces.landmarks == alone.landmarks).all()
    assert dynamic.detect_batch([]) == []


def test_a_batch_of_different_sizes_is_an_error(dynamic: Detector) -> None:
    """Images of two shapes are a mistake of the caller."""
    with pytest.raises(ValueError, match="one shape"):
        dynamic.detect_batch([_scene(64, 64), _scene(64, 96)])


def test_a_fixed_batch_says_what_to_do(yunet: Any, describe: Any) -> None:
    """A graph that takes one image refuses a batch before it runs."""
    model = yunet(batch=1)
    detector = open_detector(describe(model, Adapter.YUNET), model, Device.CPU, 1, SETTINGS)
    with pytest.raises(ModelRefused, match=r"fixed batch of 1; set recognisers.detect_batch to 1"):
        detector.detect_batch([_scene(64, 64)])


def _refused(model: bytes, adapter: Adapter, describe: Any, text: str, **changes: Any) -> None:
    with pytest.raises(ModelRefused, match=text):
        open_detector(describe(model, adapter, **changes), model, Device.CPU, 1, SETTINGS)


def test_other_networks_are_refused(yunet: Any, scrfd: Any, embedder: Any, describe: Any) -> None:
    """Wrong adapters, missing landmarks, odd sizes and batches no detector can use are found at start."""
    _refused(yunet(), Adapter.SCRFD, describe, "choose the right adapter")
    _refused(scrfd(), Adapter.YUNET, describe, "choose the right adapter")
    _refused(scrfd(levels=2), Adapter.SCRFD, describe, "choose the right adapter")
    _refused(embedder(), Adapter.YUNET, describe, "whole multiples of 32")
    _refused(embedder(), Adapter.EMBEDDER112, describe, "is no detector")
    _refused(yunet(4), Adapter.YUNET, describe, "1 or any")
    _refused(scrfd("batch", flat=True), Adapter.SCRFD, describe, "does not keep its images apart")
    _refused(b"junk", Adapter.YUNET, describe, "could not be loaded")


def test_attribute_heads_are_refused(yunet: Any, describe: Any) -> None:
    """A detector that also guesses something about people does not start."""
    _refused(yunet(extra="gender_8"), Adapter.YUNET, describe, "without further heads")


def test_the_digest_of_what_runs_is_checked(yunet: Any, describe: Any) -> None:
    """Bytes other than the manifest's do not start, so the digest on an alert is the one that ran."""
    model = yunet()
    with pytest.raises(ModelRefused, match="expected sha256"):
        open_detector(describe(model, Adapter.YUNET, sha256="0" * 64), model, Device.CPU, 1, SETTINGS)


@pytest.mark.parametrize(
    ("field", "value"), [("confidence", 0), ("confidence", 1), ("overlap", float("nan")), ("max_side_px", 31)]
)
def test_settings_out_of_range_are_refused(field: str, value: Any) -> None:
    """A threshold that finds everything or nothing by mistake is named."""
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(SETTINGS, **{field: value})
