from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cluster.settings import Limits
from loadtests.bench_frames import compose
from loadtests.peer_models import RAW, Feed, as_scrfd, with_feed
from loadtests.temporary import CONFIGS
from operators.decode import decode
from operators.jpeg import check_header
from operators.onnx import Device, open_session
from operators.scrfd import read_scrfd
from operators.yunet import read_yunet

MODELS = CONFIGS / "models"
FEEDS = [RAW, Feed("rgb", 127.5, 128.0), Feed("bgr", 127.5, 127.5)]


def fed(pixels: npt.NDArray[Any], feed: Feed) -> npt.NDArray[np.float32]:
    """(1, 3, h, w) from (h, w, 3) BGR."""
    ordered = pixels[:, :, ::-1] if feed.colour == "rgb" else pixels
    return np.ascontiguousarray(((ordered.astype(np.float32) - feed.mean) / feed.scale).transpose(2, 0, 1)[None])


@pytest.fixture(scope="module")
def pixels() -> npt.NDArray[np.uint8]:
    """(704, 1280, 3) BGR, with somebody in it."""
    [jpeg] = compose(1)
    return decode(jpeg, check_header(jpeg, Limits().jpeg))[:704]


@pytest.mark.parametrize("feed", FEEDS)
def test_an_scrfd_with_these_weights_finds_the_same(feed: Feed, pixels: npt.NDArray[np.uint8]) -> None:
    """Boxes, confidences and landmarks, before one box for each face is kept; the second anchor finds nobody."""
    yunet = (MODELS / "synthetic-detector-1.onnx").read_bytes()
    own, other = (open_session(model, Device.CPU, 1) for model in (yunet, as_scrfd(yunet, feed)))
    width = pixels.shape[1]
    expected = read_yunet([p.name for p in own.outputs], [o[0] for o in own.run(fed(pixels, RAW))], width, 0.3)
    found = read_scrfd([p.name for p in other.outputs], other.run(fed(pixels, feed)), width, 0.3)
    assert len(found) == len(expected) >= 2
    best, same = (faces.take(np.argsort(-faces.confidence)[:2]) for faces in (expected, found))
    assert best.confidence[0] > 0.7
    np.testing.assert_allclose(same.confidence, best.confidence, atol=1e-4)
    np.testing.assert_allclose(same.boxes, best.boxes, atol=0.05)
    np.testing.assert_allclose(same.landmarks, best.landmarks, atol=0.05)


@pytest.mark.parametrize("feed", [Feed("rgb", 127.5, 127.5), Feed("rgb", 0.0, 1.0)])
def test_an_embedder_fed_in_another_way_gives_the_same_vectors(feed: Feed) -> None:
    """Of any number of crops."""
    embedder, own = (MODELS / "synthetic-embedder-1.onnx").read_bytes(), Feed("bgr", 127.5, 127.5)
    pixels = np.random.default_rng(1).integers(0, 255, (112, 112, 3)).astype(np.uint8)
    first, second = (open_session(model, Device.CPU, 1) for model in (embedder, with_feed(embedder, feed, own)))
    given = [np.repeat(fed(pixels, each), 2, axis=0) for each in (own, feed)]
    np.testing.assert_allclose(second.run(given[1])[0], first.run(given[0])[0], atol=1e-3)
