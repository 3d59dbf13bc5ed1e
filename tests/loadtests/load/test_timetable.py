"""Who is shown where and when."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from cluster.kafka.partitions import partition_of
from loadtests.load.shapes import Course, Shape
from loadtests.load.timetable import VIEWS, camera_names, plan
from tests.loadtests.load.runs import LISTED, STRANGERS, scenario, timetable


def test_every_frame_is_of_the_passage_that_the_truth_names() -> None:
    """Its picture is one of the passage's group, in turn; its time is when that camera's frame is due."""
    of = timetable(scenario())
    frames = [(camera, *each) for camera in of.cameras for each in enumerate(of.pictures(camera).tolist())]
    assert len(frames) == of.frames_total == 600
    for camera, seq, picture in frames:
        showing = of.showing(camera, seq)
        assert showing is not None
        assert (picture // VIEWS, picture % VIEWS) == (showing.group, seq % VIEWS)
        assert showing.begins_s <= of.due_s(camera, seq) <= showing.ends_s
    assert of.showing("camera-00001", 150) is None
    assert of.showing("elsewhere", 0) is None


def test_the_next_group_is_in_the_other_half_of_the_picture() -> None:
    """Or its people would be taken for a continuation of those before."""
    for groups in timetable(scenario()).groups.values():
        assert all(one % 2 != other % 2 for one, other in pairwise(groups))


def test_nobody_listed_comes_again_within_the_cool_down_or_is_cut_off() -> None:
    """An expected alert is neither swallowed by the policy nor unconfirmed for want of frames."""
    of = timetable(scenario(seconds=61.0))
    listed = [each for each in of.showings if each.entry is not None]
    assert len(listed) > 20
    assert {each.until - each.first for each in listed} == {of.passage_frames}
    for camera in of.cameras:
        for entry in LISTED.values():
            begins = [each.begins_s for each in listed if (each.camera, each.entry) == (camera, entry)]
            assert all(later - earlier >= 6.0 for earlier, later in pairwise(begins))


def test_it_follows_from_the_seed() -> None:
    """The same again, and another with another seed."""
    one, same, other = (timetable(scenario(seed=seed)) for seed in (1, 1, 2))
    assert list(one.showings) == list(same.showings)
    assert list(one.showings) != list(other.showings)


def test_a_share_of_none_shows_nobody_listed() -> None:
    """As a warm-up needs it."""
    people = replace(scenario().people, listed_share=0.0)
    assert not any(each.entry for each in timetable(scenario(people=people)).showings)


def test_cameras_are_evenly_behind_one_another() -> None:
    """Frames of all cameras do not come in bursts."""
    of = plan(scenario(shape=Shape(Course.CONSTANT)), camera_names(4, 8), LISTED, STRANGERS, 6.0)
    due = np.sort(np.concatenate([of.due(camera) for camera in of.cameras]))
    np.testing.assert_allclose(np.diff(due), 1 / 20)


def test_cameras_are_spread_over_partitions() -> None:
    """As evenly as can be; a number that hits a partition that has enough is left out."""
    names = camera_names(20, 8)
    taken = np.bincount([partition_of(name.encode(), 8) for name in names], minlength=8)
    assert len(set(names)) == 20
    assert sorted(taken) == [2, 2, 2, 2, 3, 3, 3, 3]
