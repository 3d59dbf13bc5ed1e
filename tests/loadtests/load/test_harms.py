"""Faults on request, and what the machine is used for."""

import time
from concurrent.futures import CancelledError
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from cluster.plan import Plan
from loadtests.load.harms import Harms
from loadtests.load.machine_watch import BROKER, LOAD, RECOGNISERS, MachineWatch
from loadtests.load.scenario import Disturbance
from loadtests.temporary import Temporary

# Not 0: that is the session of every process whose session began outside a container.
NO_SESSION = -1
TICKS_S = 0.05  # of processor time: the kernel tells of whole hundredths of a second


class Empty:
    """A cluster in which there is nobody."""

    def status(self) -> list[dict[str, Any]]:
        """See `Temporary`."""
        return []


def harms(*faults: Disturbance) -> Harms:
    """Of a run that has just begun."""
    begin = datetime.now(UTC) - timedelta(seconds=1)
    return Harms(cast("Temporary", Empty()), cast("Plan", None), faults, begin, 1)


def test_faults_come_one_after_the_other() -> None:
    """In the order of their times, whatever that in the file is."""
    with closing(harms(Disturbance(1.02, "none"), Disturbance(1.01, "none"))) as made:
        found = made.all()
        assert made.are_done
    assert [each.at_s >= asked for each, asked in zip(found, (1.01, 1.02), strict=True)] == [True, True]
    assert all(each.healed_s >= each.at_s for each in found)


def test_a_fault_that_cannot_be_made_fails_the_run() -> None:
    """Else a run without it would pass for one that bore it."""
    with closing(harms(Disturbance(0.0, "kill -9 a recogniser"))) as made, pytest.raises(LookupError):
        made.all()


def test_no_fault_is_waited_for_or_made_after_the_end() -> None:
    """Who presses Ctrl-C does not wait for a fault of the seventh hour."""
    made = harms(Disturbance(20.0, "none"))
    made.close()
    with pytest.raises(CancelledError):
        made.all()


def test_this_process_counts_as_the_load_test() -> None:
    """And nobody as a recogniser, where there is none of this run."""
    watch, begun_s = MachineWatch(NO_SESSION), time.process_time()
    while time.process_time() < begun_s + TICKS_S:
        pass
    used = watch.look()
    assert used.cores[LOAD] > 0
    assert used.memory_bytes[LOAD] > 10 << 20
    assert not {RECOGNISERS, BROKER} & used.cores.keys()
