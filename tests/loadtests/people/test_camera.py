"""Frames with their truth."""

import numpy as np
import pytest

from loadtests.people.camera import Camera, Truth
from loadtests.people.scenes import Crowd, Schedule, plan_walks
from operators.jpeg import JpegLimits, check_header


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    """A quiet street."""
    crowd = Crowd({"a": 1}, [10, 11], per_minute=16, listed_share=0.5, again_after_s=5)
    return plan_walks(5, ["only"], 5, 11, crowd)


@pytest.fixture(scope="module")
def camera(schedule: Schedule) -> Camera:
    """One that has drawn nothing yet."""
    return Camera(schedule, "only")


def test_a_frame_is_the_same_whenever_it_is_drawn(schedule: Schedule, camera: Camera) -> None:
    """Frames do not depend on those before them."""
    number = busiest(schedule)
    again = Camera(schedule, "only")
    assert not again.prepare_next(0, 0.0) or schedule.passages[0].enters_s <= 0
    image, truths = camera.frame(number)
    other, others = again.frame(number)
    assert np.array_equal(image, other)
    assert [truth.box.tolist() for truth in truths] == [truth.box.tolist() for truth in others]
    assert image.shape == (720, 1280, 3)


def test_the_truth_says_who_is_where(schedule: Schedule, camera: Camera) -> None:
    """One truth for everybody in view; a face moves with its person; frames without people have none."""
    for number in range(0, schedule.frames, 7):
        there = schedule.in_view("only", number / schedule.fps)
        truths = camera.frame(number)[1]
        assert [truth.passage for truth in truths] == there
        for truth in truths:
            x, y = truth.passage.middle_px(number / schedule.fps)
            assert truth.box[0] < x < truth.box[2]
            assert truth.box[1] < y < truth.box[3]
            assert 0 <= truth.hidden <= 1
    assert camera.frame(0)[1] == []


def test_people_are_made_ready_one_by_one(schedule: Schedule) -> None:
    """Until everybody who comes soon is ready; those who come later wait."""
    camera = Camera(schedule, "only")
    first = schedule.passages[0]
    soon = sum(one.enters_s <= first.enters_s + 0.5 for one in schedule.passages)
    done = 0
    while camera.prepare_next(int(first.enters_s * schedule.fps), 0.5 + 1 / schedule.fps):
        done += 1
    assert soon <= done < len(schedule.passages)


def test_a_camera_sends_jpeg(camera: Camera) -> None:
    """What the header check of a recogniser accepts, of the size cameras send."""
    jpeg = camera.jpeg(10)
    limits = JpegLimits(max_bytes=4_000_000, max_side_px=4096, max_pixels=4_000_000, min_side_px=16, max_scans=10)
    header = check_header(jpeg, limits)
    assert (header.width, header.height) == (1280, 720)
    assert 40_000 < len(jpeg) < 300_000


def test_a_face_behind_another_person_is_hidden() -> None:
    """The farther of two people at one place is hidden, the nearer is not; half outside is half hidden."""
    from loadtests.people.camera import _hidden

    def truth(left: float, top: float, side: float) -> Truth:
        passage = plan_walks(5, ["c"], 5, 12, Crowd({}, [1], 30, 0, 5)).passages[0]
        box = np.array([left, top, left + side, top + side], np.float32)
        return Truth(passage, box, np.zeros((5, 2), np.float32), 0.0)

    far, near = _hidden([truth(500, 300, 40), truth(480, 290, 90)])
    assert far.hidden == pytest.approx(1)
    assert near.hidden == 0
    assert _hidden([truth(-20, 300, 40)])[0].hidden == pytest.approx(0.5)


def busiest(schedule: Schedule) -> int:
    """The frame with the most people."""
    return max(range(schedule.frames), key=lambda number: len(schedule.in_view("only", number / schedule.fps)))
