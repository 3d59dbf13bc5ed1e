"""What is measured beside the account."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from cluster.account import Account, Shed
from cluster.measures import Exemplar, Measures
from cluster.memory_io import MemorySink
from cluster.stages import bucket_of
from cluster.wire.alerts import is_canary
from operators.decide import Match
from operators.errors import BrokerUnavailable
from operators.types import Frame, FrameRef
from operators.vision import Times
from tests.builders import NOW, FakeIndex, Lane, hit, policy, record

MATCH = Match("sought", "Find them.", 0.6, (hit(),))
TRACE = "0af7651916cd43dd8448eb211c80319c"
NO_TRACE, NO_VERSION = f"00-{'0' * 32}-b7ad6b7169203331-01", f"ff-{TRACE}-b7ad6b7169203331-01"


def frame(traceparent: str | None) -> Frame:
    """A frame of the gate."""
    return Frame(FrameRef("frames", 0, 1), "gate", b"", NOW, traceparent=traceparent)


def test_alerts_are_counted_by_camera_and_list_and_held_against_the_objective() -> None:
    """The last one of each bucket that has a trace is kept, to be looked at."""
    account = Account(objective_s=1.0)
    for seconds in (0.3, 1.0, 1.5):
        account.alerted(frame(f"00-{TRACE}-b7ad6b7169203331-01"), MATCH, NOW + timedelta(seconds=seconds))
    found = account.measures.measured
    assert (found.alerts, found.late_alerts, found.latencies.count) == ([("gate", "sought", 3)], 1, 3)
    assert found.exemplars[str(bucket_of(1.5))] == Exemplar(TRACE, 1.5, NOW.timestamp() + 1.5)
    assert len(found.exemplars) == 3


@pytest.mark.parametrize(
    "traceparent", [None, "", "anna", "00-anna-b7ad6b7169203331-01", f"00-{TRACE}", NO_TRACE, NO_VERSION]
)
def test_what_a_camera_sends_instead_of_a_trace_goes_nowhere(traceparent: str | None) -> None:
    """It may be anything, a name as well."""
    account = Account()
    account.alerted(frame(traceparent), MATCH, NOW)
    assert account.measures.measured.exemplars == {}


def test_what_is_shed_and_given_back_is_counted_both_times() -> None:
    """So that what is told of frames shed never becomes less."""
    account = Account()
    account.take_in(2)
    account.shed(Shed.TOO_OLD, 2)
    account.give_back()
    assert (account.frames_out.total(), account.summary()["shed_given_back"]) == (0, {"too_old": 2})


def test_the_newest_frame_of_a_camera_counts() -> None:
    """Whatever came after it was taken earlier."""
    measures = Measures()
    measures.decided("gate", 200.0, 0.5)
    measures.decided("gate", 100.0, 0.5)
    assert (measures.measured.last_frames, measures.measured.ages.total_s) == ({"gate": 200.0}, 1.0)


def test_a_clock_that_is_ahead_hides_no_camera_that_is_down() -> None:
    """One such frame was captured when it was decided, and the next one counts."""
    account = Account()
    for at_s, now_s in ((4e9, 200.0), (201.0, 201.5)):
        account.decided("gate", datetime.fromtimestamp(at_s, UTC), (now_s - at_s) * 1000)
        assert account.measures.measured.last_frames["gate"] == pytest.approx(min(at_s, now_s), abs=1e-3)


def test_all_of_it_stands_in_a_status_as_json() -> None:
    """Keys are texts, values numbers."""
    measures = Measures()
    measures.sighted("gate", "sought", "alert")
    measures.alerted("gate", "sought", 0.5, 1.0, TRACE)
    found = json.loads(json.dumps(asdict(measures.measured)))
    assert found["sightings"] == [["gate", "sought", "alert", 1]]


def test_every_stage_is_gone_through_and_counted() -> None:
    """Those of the models as they say themselves; what fails is counted where it fails, however often."""
    lane = Lane(index=FakeIndex(silent=1))
    lane.run([record(b"anna"), record(b"stranger", 1), record(b"no picture", 2), record(b"anna", 3, key=b"elsewhere")])
    measured = lane.account.measures.measured
    counts = {stage: durations.count for stage, durations in measured.stages.items()}
    assert counts == {"topic": 4, "turn": 3, "search": 1, "decide": 2, "evidence": 1, "publish": 3}
    assert {stage: n for stage, n in measured.stage_errors.items() if n} == {"topic": 1, "decode": 1, "search": 1}
    assert (measured.ages.count, measured.lives.count) == (2, 1)
    assert measured.sightings == [("gate", "sought", "alert", 1)]


def test_what_the_models_say_of_themselves_is_counted() -> None:
    """A stage that was not gone through is left out."""
    measures = Measures()
    measures.stages.looked(Times(decode=(1, 4_000_001), detect=(5_000_000, 9_000_000)))
    found = {stage: round(durations.total_s, 6) for stage, durations in measures.measured.stages.items()}
    assert found == {"decode": 0.004, "detect": 0.004}


def test_a_broker_that_does_not_acknowledge_is_an_error_of_its_stage() -> None:
    """Nothing is committed, and the stage says so."""
    lane = Lane(evidence=MemorySink(acknowledges=False))
    with pytest.raises(BrokerUnavailable):
        lane.run([record(b"anna")])
    assert lane.account.measures.measured.stage_errors["evidence"] == 1


def test_work_in_hand_is_told() -> None:
    """What waits, what is not acknowledged, and how old the last frame is in partitions where others wait behind."""
    lane = Lane(poll_records=1)
    lane.source.records.extend([record(b"stranger", at) for at in range(3)])
    pipeline = lane.pipeline()
    pipeline.step(0)
    lane.clock.time += timedelta(seconds=0.5)
    work = pipeline.work({0: 2, 1: 0})
    assert (work.waiting_bytes, work.paused, work.in_flight) == (2 * len(b"stranger"), 0, 0)
    assert work.lag_s == {"0": 0.5, "1": 0.0}
    assert work.busy_s > 0


def test_a_canary_is_alerted_about_and_counted_nowhere() -> None:
    """Neither as an alert nor as a sighting; its frame says why it alerted."""
    rules = {"sought": replace(policy().watchlists["sought"], canary="gate")}
    lane = Lane(policy=policy(watchlists=rules))
    lane.run([record(b"anna")])
    measured = lane.account.measures.measured
    assert [is_canary(message.value) for message in lane.alerts.messages] == [True]
    assert (lane.account.alerts, measured.alerts, measured.sightings, measured.latencies.count) == (0, [], [], 0)
    assert dict(lane.account.frames_out) == {("alerted", "canary"): 1}
