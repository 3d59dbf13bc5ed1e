"""Each alert names exactly one policy, and agrees with it: in its threshold, its frames, its cameras and its times."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.in_hand import InHand
from cluster.ports import Record
from cluster.wire.text import parse_time
from operators.policy import Policy
from tests.builders import CAMERAS, NOW, Lane, in_force, policy, record

FRAME = timedelta(milliseconds=200)
SOUGHT = policy().watchlists["sought"]
WHO = [b"anna", b"bert anna", b"half", b"half cleo", b"stranger", b"empty", b"blurred"]


@st.composite
def policies(draw: st.DrawFn) -> list[Policy]:
    """Numbered from 8; they differ in all that decides."""
    found = []
    for number in range(8, 8 + draw(st.integers(2, 5))):
        thresholds = st.sampled_from([0.5, 0.65, 0.72, 0.8, 1.0])
        cameras = draw(st.sampled_from([CAMERAS, CAMERAS[:2], CAMERAS[:1]]))
        of_frames = draw(st.integers(1, 4))
        found.append(
            policy(
                policy=number,
                cameras=cameras,
                watchlists={"sought": replace(SOUGHT, threshold=draw(thresholds), cameras={"gate": draw(thresholds)})},
                sightings=replace(
                    policy().sightings,
                    confirm_frames=draw(st.integers(1, of_frames)),
                    of_frames=of_frames,
                    cool_down_s=draw(st.sampled_from([0.0, 1.0, 60.0])),
                ),
                end=NOW + timedelta(seconds=draw(st.sampled_from([2, 1000]))),
                review_by=NOW + timedelta(seconds=2),
            )
        )
    return found


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["frame", "frame", "frame", "step", "step", "switch"]),
        st.sampled_from(["gate", "gate", "gate", *CAMERAS]),
        st.sampled_from([b"anna", b"anna", *WHO]),
        st.integers(1, 4),
    ),
    max_size=30,
)


class Looked(InHand):
    """Remembers which frames were looked at, by the number of the policy that decides."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.by: dict[int, list[Record]] = {}

    def take(self, records: Sequence[Record]) -> None:
        """See `InHand.take`."""
        self.by.setdefault(self.number, []).extend(records)


def run(lane: Lane, looked: Looked, others: list[Policy], events: list[tuple[str, str, bytes, int]]) -> int:
    """Let it all happen; how many frames there were."""
    pipeline, left, offset = lane.pipeline(), list(others), 0
    events = [("switch", "", b"", 0), *events]
    for what, camera, who, amount in events:
        lane.clock.time += FRAME
        if what == "switch" and left:
            following = left.pop(0)
            pipeline.switch(*in_force(following))
            looked.number = following.policy
        elif what == "frame":
            stamp = int(lane.clock.time.timestamp() * 1000)
            shown = [record(who, offset + at, key=camera.encode(), timestamp_ms=stamp) for at in range(amount)]
            lane.source.records.extend(shown)
            offset += amount
        elif what == "step":
            pipeline.step(0)
    while pipeline.step(0):
        pass
    pipeline.drain()
    return offset


@settings(max_examples=40)
@given(policies(), EVENTS)
def test_each_alert_names_one_policy_and_agrees_with_it(others: list[Policy], events: list[Any]) -> None:
    """The threshold of its camera, as many frames as it asks for, all looked at under it, and a moment in its times."""
    looked = Looked()
    lane = Lane(poll_records=2, in_hand=looked)
    frames = run(lane, looked, others, events)
    named = {each.policy: each for each in others}
    for alert in (json.loads(message.value) for message in lane.alerts.messages):
        number, camera, offset = alert["policy"]["number"], alert["camera"], alert["frame"]["offset"]
        by = named[number]
        rule = by.watchlists["sought"]
        assert alert["policy"]["digest"] == in_force(by)[0].digest
        assert alert["threshold"] == rule.cameras.get(camera, rule.threshold) <= alert["cosine"]
        assert all(candidate["cosine"] >= alert["threshold"] for candidate in alert["candidates"])
        assert by.in_scope(camera, parse_time(alert["captured_at"]))
        assert by.in_scope(camera, parse_time(alert["alerted_at"]))
        seen = [each.ref.offset for each in looked.by[number] if each.key == camera.encode()]
        assert offset in seen
        assert alert["passage"]["of_frames"] == by.sightings.of_frames
        assert by.sightings.confirm_frames <= alert["passage"]["frames"] <= seen.index(offset) + 1
    assert lane.account.open == 0
    assert lane.account.frames_in == lane.account.frames_out.total() == frames
