import re

import cv2
import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the project does not install")

from loadtests.training import detector, embedder  # noqa: E402
from loadtests.training.batches import to_planes  # noqa: E402
from loadtests.training.schedule import Budget  # noqa: E402
from operators.types import Faces  # noqa: E402

_SMALL = embedder.EmbedderSettings(dimension=16, batch=8, scale=16.0, report_every=5)
_TRAITS = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)


def _crops() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Four people, a coarse pattern each, four crops of each."""
    random = np.random.default_rng(0)
    patterns = random.integers(0, 256, (4, 7, 7, 3), np.uint8)
    crops = [cv2.resize(pattern, (112, 112)) for pattern in patterns for _ in range(4)]
    return np.stack(crops), np.repeat(np.arange(4), 4)


def _sample(random: np.random.Generator, count: int) -> tuple[npt.NDArray[np.uint8], list[Faces]]:
    """Dark pictures of 64 px with one bright square each, its landmarks on a diagonal."""
    images = np.full((count, 64, 64, 3), 40, np.uint8)
    faces = []
    for image in images:
        left, top = random.integers(4, 36, 2)
        image[top : top + 24, left : left + 24] = 220
        points = np.linspace(4, 20, 5)[:, None] + (left, top)
        box = np.array([[left, top, left + 24, top + 24]], np.float32)
        faces.append(Faces(box, np.ones(1, np.float32), points[None].astype(np.float32)))
    return images, faces


def _losses(lines: list[str], word: str) -> list[float]:
    return [float(found[1]) for line in lines if (found := re.search(rf"{word} (\d+\.\d+)", line))]


def test_an_embedder_learns_to_tell_four_people_apart() -> None:
    """The loss falls, though the margin grows, and each crop ends up closest to its own person."""
    crops, people = _crops()
    lines: list[str] = []
    network = embedder.train(crops, people, _TRAITS, _SMALL, Budget(steps=30), 0, "cpu", lines.append)
    losses = _losses(lines, "people")
    assert len(losses) == 6
    assert losses[-1] < losses[0] / 2
    with torch.no_grad():
        vectors = network(embedder.normalise(to_planes(crops, torch.device("cpu"))))
    cosines = (torch.nn.functional.normalize(vectors) @ torch.nn.functional.normalize(vectors).T).numpy()
    same = people[:, None] == people
    assert cosines[same].min() > cosines[~same].max()


def test_a_detector_learns_where_squares_are() -> None:
    """Every part of the loss falls."""
    lines: list[str] = []
    settings = detector.DetectorSettings(batch=8, report_every=10)
    detector.train(_sample, settings, Budget(steps=60), 0, "cpu", lines.append)
    for word in ("face", "box", "landmarks"):
        losses = _losses(lines, word)
        assert len(losses) == 6
        assert losses[-1] < losses[0] / 2, word


def test_the_same_seed_gives_the_same_networks() -> None:
    """Same steps, same seed: the same weights, bit for bit; another seed: others."""
    crops, people = _crops()

    def weights(seed: int) -> list[npt.NDArray[np.float32]]:
        found = embedder.train(crops, people, _TRAITS, _SMALL, Budget(steps=3), seed, "cpu", len)
        seen = detector.train(_sample, detector.DetectorSettings(batch=2), Budget(steps=3), seed, "cpu", len)
        return [values.detach().numpy() for network in (found, seen) for values in network.parameters()]

    first, again, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))


def test_truth_is_padded_to_the_most_faces_of_a_picture() -> None:
    """A picture without faces and one with two share one form."""
    two = Faces(np.ones((2, 4), np.float32), np.ones(2, np.float32), np.ones((2, 5, 2), np.float32))
    truth = detector.truth_of([Faces.none(), two], torch.device("cpu"))
    assert truth.real.tolist() == [[False, False], [True, True]]
    assert truth.boxes.shape == (2, 2, 4)
    assert detector.truth_of([Faces.none()], torch.device("cpu")).boxes.shape == (1, 1, 4)
