"""Boxes found held against true ones, by hand-worked tables."""

import numpy as np
import pytest

from loadtests.evaluate.detection import Scene, false_faces, gather, overlaps, pair
from loadtests.evaluate.recall import detection
from operators.types import Float32

Box = tuple[float, float, float, float]
POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)


def boxes(*given: Box) -> Float32:
    """Boxes as an array."""
    return np.array(given, np.float32).reshape(-1, 4)


def points(of: Float32, off_px: float = 0) -> Float32:
    """Landmarks within boxes, all off to the right."""
    sides = of[:, None, 2:] - of[:, None, :2]
    found: Float32 = of[:, None, :2] + sides * POINTS + np.array([off_px, 0], np.float32)
    return found


def scene(true: list[Box], found: list[Box], hidden: int = 0, people: int | None = None) -> Scene:
    """A scene whose last `hidden` faces are half visible; landmarks are 4 px off, boxes from 40 px pass the gates."""
    visible = np.array([1.0] * (len(true) - hidden) + [0.5] * hidden, np.float32)
    at = boxes(*found)
    count = len(true) if people is None else people
    return Scene(boxes(*true), points(boxes(*true)), visible, at, points(at, 4), at[:, 2] - at[:, 0] >= 40, count)


def test_the_overlap_is_what_both_share_of_what_either_covers() -> None:
    """Half, a seventh, nothing, and nothing of an empty box."""
    found = overlaps(boxes((0, 0, 10, 10)), boxes((0, 0, 10, 20), (5, 5, 15, 15), (10, 0, 20, 10), (5, 5, 5, 5)))
    assert found[0].tolist() == pytest.approx([1 / 2, 25 / 175, 0, 0])
    assert overlaps(boxes(), boxes((0, 0, 1, 1))).shape == (0, 1)


def test_the_closest_pair_comes_first_and_nothing_is_paired_twice() -> None:
    """The first face is left the second-best box; the third is near none."""
    overlap = np.array([[0.8, 0.5], [0.9, 0.4], [0.2, 0.1]], np.float32)
    assert pair(overlap, 0.3).tolist() == [1, 0, -1]
    assert pair(np.zeros((2, 0), np.float32), 0.3).tolist() == [-1, -1]


def test_a_box_on_a_face_that_does_not_count_is_not_false() -> None:
    """Small and hidden faces may be found; a second box on a face is no false face either; one on a wall is."""
    true: list[Box] = [(0, 0, 60, 60), (100, 100, 112, 112), (200, 0, 260, 60)]
    seen = scene(true, [(0, 0, 60, 60), (5, 5, 65, 65), (100, 100, 112, 112), (200, 0, 260, 60), (400, 0, 450, 50)], 1)
    assert false_faces(seen).tolist() == [False, False, False, False, True]
    assert false_faces(scene([], [(0, 0, 9, 9)])).tolist() == [True]


def test_only_faces_that_are_wide_and_visible_enough_count() -> None:
    """Of a face of 60 px, one of 12 px and one half hidden, the first."""
    faces = gather([scene([(0, 0, 60, 60), (100, 100, 112, 112), (200, 0, 260, 60)], [(0, 0, 60, 60)], 1)], 0.7)
    assert faces.width_px.tolist() == [60]
    assert (faces.found.tolist(), faces.passes.tolist(), faces.overlap.tolist()) == ([True], [True], [1])
    assert faces.landmark_error[0] == pytest.approx(4 / 60)


def test_detection_is_summed_up_over_scenes() -> None:
    """Two scenes with four faces, one of them missed, and an empty one with a false face that passes the gates."""
    found = detection(
        [
            scene([(0, 0, 25, 25), (100, 0, 150, 50)], [(0, 0, 25, 25), (100, 0, 150, 50)]),
            scene([(0, 0, 50, 50), (100, 0, 220, 120)], [(100, 0, 220, 120)], people=3),
            scene([], [(0, 0, 45, 45), (90, 90, 99, 99)]),
        ],
        seed=1,
    )
    assert (found.scenes, found.empty, found.people, found.ignored) == (3, 1, 5, 0)
    assert [(each.recall.hits, each.recall.of) for each in found.sizes] == [(1, 1), (0, 0), (1, 2), (0, 0), (1, 1)]
    assert [each.passing.hits for each in found.sizes] == [0, 0, 1, 0, 1]
    assert (found.recall.hits, found.recall.of) == (2, 3)
    assert (found.false_faces, found.false_in_empty, found.false_passing) == (2, 2, 1)
    assert found.per_100(found.false_faces) == pytest.approx(66.7, abs=0.05)
    assert found.landmark_median == pytest.approx(4 / 50)
    assert found.overlap_median == 1


def test_scenes_without_any_face_say_nothing_about_recall() -> None:
    """And say so as numbers that are none."""
    found = detection([scene([], [])], seed=1)
    assert np.isnan([found.recall.value, found.landmark_median, found.overlap_median]).all()
