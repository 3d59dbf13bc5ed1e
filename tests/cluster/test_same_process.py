"""A process is known by its number and its start, whatever the clock says meanwhile."""

import os
import subprocess

import psutil
import pytest
from psutil import _pslinux

from cluster.ray_local import LocalRay
from cluster.same_process import runs, started_s


def test_a_process_runs_until_it_ends_also_where_nobody_buries_it() -> None:
    """In a container the first process may never do so."""
    with subprocess.Popen(["sleep", "60"]) as child:
        at_s = started_s(child.pid)
        assert runs(child.pid, at_s)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not runs(child.pid, at_s)
    assert not runs(child.pid, at_s)
    with pytest.raises(ProcessLookupError):
        started_s(child.pid)


def test_another_of_the_same_number_is_another() -> None:
    """It was started at another time."""
    at_s = started_s(os.getpid())
    assert runs(os.getpid(), at_s)
    assert not runs(os.getpid(), at_s - 0.01)


def test_a_clock_that_is_set_makes_nobody_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else `down` would not know the Ray it has started, and every frame in hand would count as one that has killed."""
    before, node = psutil.Process().create_time(), LocalRay("here:1", os.getpid(), started_s(os.getpid()))
    boot_time = _pslinux.boot_time
    monkeypatch.setattr(_pslinux, "boot_time", lambda: boot_time() + 3600)
    assert psutil.Process().create_time() >= before + 3599, "this would show nothing"
    assert node.is_alive
    assert node.leaders == {os.getpid()}
