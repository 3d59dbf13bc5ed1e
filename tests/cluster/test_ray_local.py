"""What is remembered of a Ray on this machine."""

import os

import psutil

from cluster.ray_local import LocalRay


def test_a_node_is_known_by_its_process_and_its_start() -> None:
    """A process of the same number that was started at another time is somebody else's, and is never ended."""
    started_at = psutil.Process().create_time()
    other = (os.getpid(), started_at - 5)
    assert LocalRay("here:1", os.getpid(), started_at).is_alive
    assert not LocalRay("here:1", *other).is_alive
    assert LocalRay("here:1", os.getpid(), started_at, [other]).leaders == {os.getpid()}
    assert LocalRay("here:1", *other, more=[other]).leaders == set()
