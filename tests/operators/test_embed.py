import dataclasses
from typing import Any

import numpy as np
import pytest

from operators.embed import Embedder, open_embedder
from operators.errors import ModelRefused
from operators.models import Adapter
from operators.onnx import Device, open_session
from operators.types import Float32

RNG = np.random.default_rng(4)
CROPS = RNG.integers(0, 256, (19, 112, 112, 3), np.uint8)


def _open(model: bytes, describe: Any, **changes: Any) -> Embedder:
    return open_embedder(describe(model, Adapter.EMBEDDER112, **changes), model, Device.CPU, 1)


def test_vectors_have_length_one_and_keep_their_order(embedder: Any, describe: Any) -> None:
    """More crops than fit one run come back in order, each of length 1."""
    opened = _open(embedder(), describe)
    vectors = opened.embed(CROPS)
    assert vectors.shape == (19, 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    singles = np.concatenate([opened.embed(crop[None]) for crop in CROPS])
    np.testing.assert_allclose(vectors, singles, atol=1e-6)


def test_no_crops_give_no_vectors(embedder: Any, describe: Any) -> None:
    """A frame without faces needs no run of the network."""
    assert _open(embedder(), describe).embed(CROPS[:0]).shape == (0, 16)


def test_what_the_network_was_fed_can_be_forgotten(embedder: Any, describe: Any) -> None:
    """No byte but zeros is left of any run, and the next call is unharmed."""
    model = embedder()
    session = open_session(model, Device.CPU, 1)
    fed: list[Float32] = []

    def run(values: Float32) -> list[Float32]:
        fed.append(values)
        return session.run(values)

    watched = Embedder(describe(model, Adapter.EMBEDDER112), dataclasses.replace(session, run=run))
    before = watched.embed(CROPS)
    assert [len(values) for values in fed] == [8, 8, 3]
    assert all(values.any() for values in fed)
    watched.forget()
    assert not any(values.any() for values in fed)
    assert (watched.embed(CROPS) == before).all()


def test_a_fixed_batch_of_one_gives_the_same(embedder: Any, describe: Any) -> None:
    """A graph that takes one image at a time is run once a crop."""
    vectors = _open(embedder(), describe).embed(CROPS)
    np.testing.assert_allclose(_open(embedder(batch=1), describe).embed(CROPS), vectors, atol=1e-6)


@pytest.mark.parametrize("colour", ["bgr", "rgb"])
def test_the_input_is_fed_as_the_manifest_says(embedder: Any, describe: Any, colour: str) -> None:
    """Channel order, mean and scale per channel, in that order of channels, reach the network."""
    mean, scale = (10.0, 20.0, 30.0), (2.0, 3.0, 4.0)
    opened = _open(embedder(), describe, colour=colour, mean=mean, scale=scale)
    ordered = CROPS[:1] if colour == "bgr" else CROPS[:1, :, :, ::-1]
    planes = ((ordered - np.array(mean)) / scale).transpose(0, 3, 1, 2)
    fields = planes.reshape(1, 3, 4, 28, 4, 28).mean(axis=(3, 5)).reshape(1, 48)
    raw = fields @ np.random.default_rng(7).normal(size=(48, 16))
    np.testing.assert_allclose(opened.embed(CROPS[:1]), raw / np.linalg.norm(raw), atol=1e-5)


def test_a_vector_without_direction_matches_nobody(embedder: Any, describe: Any) -> None:
    """A crop for which the network gives zeros gets the zero vector, its neighbours are unharmed."""
    opened = _open(embedder(), describe)
    crops = CROPS[:3].copy()
    crops[1] = 0
    vectors = opened.embed(crops)
    assert not vectors[1].any()
    np.testing.assert_allclose(vectors[[0, 2]], opened.embed(CROPS[[0, 2]]), atol=1e-6)


@pytest.mark.parametrize(
    ("graph", "changes", "text"),
    [
        ({"kind": "merged"}, {}, r"gave shape \(1, 32\) for 2 crops, expected \(2, 16\)"),
        ({"dimension": 12}, {}, r"gave shape \(2, 12\) for 2 crops, expected \(2, 16\)"),
        ({"kind": "constant"}, {}, "ignores its input"),
        ({"kind": "nan"}, {}, "zeros or non-finite"),
        ({"kind": "two"}, {}, "heads for age, sex or other attributes are not run"),
        ({"batch": 4}, {}, "1 or any"),
        ({}, {"sha256": "0" * 64}, "expected sha256"),
    ],
    ids=["merged", "dimension", "constant", "nan", "two outputs", "batch of 4", "digest"],
)
def test_unusable_graphs_are_refused_at_start(
    embedder: Any, describe: Any, graph: dict[str, Any], changes: dict[str, Any], text: str
) -> None:
    """Every silent way of giving wrong embeddings is found before the first frame."""
    with pytest.raises(ModelRefused, match=text):
        _open(embedder(**graph), describe, **changes)


def test_a_detector_is_no_embedder(yunet: Any, embedder: Any, describe: Any) -> None:
    """A graph of open size is not fed with crops, and a detector's manifest opens no embedder."""
    model = embedder()
    with pytest.raises(ModelRefused, match="is no embedder"):
        open_embedder(describe(model, Adapter.YUNET), model, Device.CPU, 1)
    with pytest.raises(ModelRefused, match="expected an input"):
        _open(yunet(), describe)


def test_an_embedder_for_faces_that_are_aligned_otherwise_is_refused(embedder: Any, describe: Any) -> None:
    """The template is approved with the manifest; another one moves every cosine."""
    model = embedder()
    manifest = describe(model, Adapter.EMBEDDER112, template="five-point-112/bilinear-2")
    with pytest.raises(ModelRefused, match="aligned by five-point-112/bilinear-2, and this version aligns them by"):
        open_embedder(manifest, model, Device.CPU, 1)
