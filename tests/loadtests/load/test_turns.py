"""Frames of several cameras, in the order in which they are due."""

import numpy as np

from loadtests.load import turns as turns_module
from loadtests.load.turns import shares, turns
from tests.loadtests.load.runs import scenario, timetable


def test_every_frame_is_sent_once_by_one_process() -> None:
    """With its camera's number, picture and time; all frames of a camera are of one process, and in order."""
    of = timetable(scenario(cameras=5))
    parts = shares(of, 2)
    assert [part.cameras for part in parts] == [of.cameras[::2], of.cameras[1::2]]
    sent = [each for part in parts for each in part]
    assert sum(map(len, parts)) == len(sent) == of.frames_total
    for camera in of.cameras:
        own = [(due_s, seq, picture) for due_s, name, seq, picture in sent if name == camera]
        wanted = zip(of.due(camera).tolist(), range(len(own)), of.pictures(camera).tolist(), strict=True)
        assert own == list(wanted)


def test_frames_come_in_the_order_in_which_they_are_due() -> None:
    """Whatever the camera, also where they are taken up in pieces."""
    of = timetable(scenario(cameras=5, seconds=60.0))
    whole = turns(of, of.cameras)
    assert len(whole) > turns_module._AT_ONCE
    due = [due_s for due_s, *_ in whole]
    assert due == sorted(due)
    assert np.array_equal(whole.due_s, due)


def test_there_are_no_more_processes_than_cameras() -> None:
    """One without anything to send would be of no use."""
    assert len(shares(timetable(scenario(cameras=2)), 8)) == 2
