"""What is measured beside the account."""

import json
from dataclasses import asdict
from datetime import timedelta

import pytest

from cluster.account import Account, Shed
from cluster.measures import Exemplar, Measures
from cluster.stages import bucket_of
from operators.types import Frame, FrameRef
from tests.builders import NOW

TRACE = "0af7651916cd43dd8448eb211c80319c"


def frame(traceparent: str | None) -> Frame:
    """A frame of the gate."""
    return Frame(FrameRef("frames", 0, 1), "gate", b"", NOW, traceparent=traceparent)


def test_alerts_are_counted_by_camera_and_list_and_held_against_the_objective() -> None:
    """The last one of each bucket that has a trace is kept, to be looked at."""
    account = Account(objective_s=1.0)
    for seconds in (0.3, 1.0, 1.5):
        account.alerted(frame(f"00-{TRACE}-b7ad6b7169203331-01"), "sought", NOW + timedelta(seconds=seconds))
    found = account.measures.measured
    assert (found.alerts, found.late_alerts, found.latencies.count) == ({"gate": {"sought": 3}}, 1, 3)
    assert found.exemplars[str(bucket_of(1.5))] == Exemplar(TRACE, 1.5, NOW.timestamp() + 1.5)
    assert len(found.exemplars) == 3


@pytest.mark.parametrize("traceparent", [None, "", "anna", "00-anna-b7ad6b7169203331-01", f"00-{TRACE}"])
def test_what_a_camera_sends_instead_of_a_trace_goes_nowhere(traceparent: str | None) -> None:
    """It may be anything, a name as well."""
    account = Account()
    account.alerted(frame(traceparent), "sought", NOW)
    assert account.measures.measured.exemplars == {}


def test_what_is_shed_and_given_back_is_counted_both_times() -> None:
    """So that what is told of frames shed never becomes less."""
    account = Account()
    account.take_in(2)
    account.shed(Shed.TOO_OLD, 2)
    account.give_back()
    assert (account.frames_out.total(), account.measures.measured.taken_back) == (0, {"too_old": 2})


def test_the_newest_frame_of_a_camera_counts() -> None:
    """Whatever came after it was taken earlier."""
    measures = Measures()
    measures.decided("gate", 200.0, 0.5)
    measures.decided("gate", 100.0, 0.5)
    assert (measures.measured.last_frames, measures.measured.ages.total_s) == ({"gate": 200.0}, 1.0)


def test_all_of_it_stands_in_a_status_as_json() -> None:
    """Keys are texts, values numbers."""
    measures = Measures()
    measures.sighted("gate", "sought", "alert")
    measures.alerted("gate", "sought", 0.5, 1.0, TRACE)
    found = json.loads(json.dumps(asdict(measures.measured)))
    assert found["sightings"] == {"gate": {"sought": {"alert": 1}}}
