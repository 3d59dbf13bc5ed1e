"""Promise 7: frames in = alerts + non-matches + shed + dead-lettered, by reason, always."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.account import NoMatch, Outcome, Shed
from cluster.endings import Endings
from operators.errors import BrokerUnavailable, FrameReason, IndexIncomplete
from tests.builders import NOW, FakeIndex, Lane, record, shed_in_ledger

STEPS = st.lists(
    st.tuples(
        st.sampled_from([b"anna", b"stranger", b"blurred", b"empty", b"rubbish", b""]),
        st.sampled_from([b"gate", b"hall", b"roof", None]),
        st.sampled_from([0, 2000]),
        st.sampled_from(["go on", "go on", "go on", "index silent", "broker away", "partition lost", "restart"]),
    ),
    max_size=20,
)
REASONS: dict[Outcome, set[Any]] = {
    Outcome.ALERTED: {"candidate"},
    Outcome.NO_MATCH: set(NoMatch),
    Outcome.SHED: set(Shed),
    Outcome.DEAD_LETTERED: set(FrameReason),
}


def _run(lane: Lane, drawn: Any) -> tuple[int, int]:
    """Feed the frames one by one while the world misbehaves; how many were handed over, and how many given back."""
    pipeline = lane.pipeline()
    handed = 0
    for offset, (value, key, age_ms, event) in enumerate(drawn):
        at_ms = int(NOW.timestamp() * 1000) - age_ms
        lane.source.records.append(record(value, offset, key=key, timestamp_ms=at_ms))
        handed += 1
        lane.index.silent = lane.index.searches + 1 if event == "index silent" else 0
        lane.stopping = event == "index silent"
        lane.alerts.acknowledges = lane.dead_letters.acknowledges = event != "broker away"
        lane.ledger.acknowledges = event != "broker away"
        try:
            pipeline.step(0)
            if event == "partition lost":
                pipeline.rebalance([("frames", 0)], [])
            if event in ("broker away", "restart"):
                pipeline.drain()
        except (BrokerUnavailable, IndexIncomplete):
            lane.account.give_back()
            lane.ledger.acknowledges = True  # no recogniser begins without
            pipeline = lane.pipeline()
    lane.ledger.acknowledges = True
    lane.alerts.acknowledges = lane.dead_letters.acknowledges = True
    try:
        pipeline.drain()
    except BrokerUnavailable:  # of a delivery from before
        lane.account.give_back()
    return handed, lane.account.given_back


@given(STEPS)
def test_every_frame_ends_in_one_of_four_ways_whatever_happens(drawn: Any) -> None:
    """Each with a reason of a closed vocabulary; frames given back are counted apart, for whoever reads them next."""
    lane = Lane(index=FakeIndex())
    handed, given_back = _run(lane, drawn)
    account = lane.account
    assert account.open == 0
    assert account.frames_in + given_back == handed
    assert account.frames_in == account.frames_out.total()
    for outcome, reason in account.frames_out:
        assert reason in REASONS[Outcome(outcome)]


@given(STEPS)
def test_the_ledger_has_every_frame_that_was_shed(drawn: Any) -> None:
    """As many as the account, by reason, of what the broker has acknowledged; whatever happens in between."""
    lane = Lane(index=FakeIndex())
    _run(lane, drawn)
    shed = Counter({reason: count for (outcome, reason), count in lane.account.frames_out.items() if outcome == "shed"})
    assert shed == shed_in_ledger(lane)


def test_each_way_is_reached() -> None:
    """The property above is about something: every outcome occurs in one run, with its own reason."""
    lane = Lane()
    old = int(NOW.timestamp() * 1000) - 2000
    lane.run(
        [record(value, offset) for offset, value in enumerate([b"anna", b"anna", b"stranger", b"blurred", b"empty"])]
        + [record(b"anna", 5, timestamp_ms=old), record(b"rubbish", 6), record(b"anna", 7, key=b"roof")]
    )
    assert lane.account.frames_out == Counter(
        {
            ("alerted", "candidate"): 1,
            ("no_match", "repeated"): 1,
            ("no_match", "below_threshold"): 1,
            ("no_match", "gated"): 1,
            ("no_match", "no_face"): 1,
            ("shed", "too_old"): 1,
            ("dead_lettered", "not_jpeg"): 1,
            ("dead_lettered", "unknown_camera"): 1,
        }
    )


def test_a_frame_that_vanished_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control: a pipeline that drops shed frames silently leaves the account open."""
    monkeypatch.setattr(Endings, "shed", lambda self, dropped: None)
    lane = Lane()
    lane.run([record(b"anna", 0, timestamp_ms=0), record(b"empty", 1)])
    assert lane.account.open == 1
    assert lane.source.stored == {}
