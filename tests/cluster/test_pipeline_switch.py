"""Another policy comes into force between two batches."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cluster.account import Shed
from cluster.pipeline import Pipeline
from cluster.policies.standing import Halt
from cluster.wire.ledger import parse_record
from cluster.wire.shed import SHED_TYPE
from operators.detect import DetectSettings
from operators.errors import BrokerUnavailable
from operators.freshness import FreshnessRule, Rule
from operators.policy import Policy
from operators.quality import QualitySettings
from operators.types import Float32, Hit
from tests.builders import NOW, FakeIndex, FakeVision, Lane, in_force, outcomes, policy, record

FRAMES = ("frames", 0)
SOUGHT = policy().watchlists["sought"]
TWO_OF_THREE = replace(policy().sightings, confirm_frames=2, of_frames=3)


def stricter(**changes: Any) -> Policy:
    """Number 8: `half` (cosine 0.707) no longer reaches its threshold."""
    lists = {"sought": replace(SOUGHT, threshold=0.75, cameras={})}
    return policy(**{"policy": 8, "watchlists": lists, **changes})


def at(offset: int, value: bytes = b"anna", seconds: float = 0, **changes: Any) -> Any:
    """A frame captured so long after now."""
    return record(value, offset, timestamp_ms=int((NOW + timedelta(seconds=seconds)).timestamp() * 1000), **changes)


def told(lane: Lane) -> list[dict[str, Any]]:
    """All alerts."""
    return [json.loads(message.value) for message in lane.alerts.messages]


def see(lane: Lane, pipeline: Pipeline, records: Sequence[Any]) -> None:
    """Have these frames looked at."""
    lane.source.records.extend(records)
    while pipeline.step(0):
        pass


def test_from_the_next_batch_on_the_other_policy_decides() -> None:
    """A cosine between the two thresholds alerts before, and not after; each alert has its own policy's threshold."""
    lane, (after, context) = Lane(poll_records=1), in_force(stricter())
    pipeline = lane.pipeline()
    see(lane, pipeline, [at(0, b"half")])
    pipeline.switch(after, context)
    see(lane, pipeline, [at(1, b"half", 3), at(2, b"cleo", 6)])
    first, second = told(lane)
    assert (first["policy"], first["threshold"]) == ({"number": 7, "digest": "d" * 64}, 0.6)
    assert (second["policy"], second["threshold"]) == ({"number": 8, "digest": after.digest}, 0.75)
    assert outcomes(lane.account) == {("alerted", "candidate"): 2, ("no_match", "below_threshold"): 1}


def test_an_alert_counts_no_frame_that_was_judged_by_another_policy() -> None:
    """Two of three frames are needed: one before the switch and one after are not enough, the next one is."""
    lane, (after, context) = Lane(policy=policy(sightings=TWO_OF_THREE)), in_force(stricter(sightings=TWO_OF_THREE))
    pipeline = lane.pipeline()
    see(lane, pipeline, [at(0)])
    pipeline.switch(after, context)
    see(lane, pipeline, [at(1, seconds=0.2)])
    assert told(lane) == []
    see(lane, pipeline, [at(2, seconds=0.4)])
    [alert] = told(lane)
    assert (alert["policy"]["number"], alert["passage"]["frames"], alert["frame"]["offset"]) == (8, 2, 2)


def test_frames_that_can_confirm_nothing_any_more_are_committed() -> None:
    """Held before the switch, for an alert of their passage; a successor must not count them either."""
    lane, (after, context) = Lane(policy=policy(sightings=TWO_OF_THREE)), in_force(stricter(sightings=TWO_OF_THREE))
    pipeline = lane.pipeline()
    see(lane, pipeline, [at(0)])
    pipeline.drain()
    assert lane.source.stored == {}
    pipeline.switch(after, context)
    pipeline.drain()
    assert lane.source.stored == {FRAMES: 1}


def test_a_switch_waits_for_what_the_former_policy_has_led_to() -> None:
    """Frames it lets go of may have led to an alert: nothing of them is committed unless that is written."""
    lane, (after, context) = Lane(policy=policy(sightings=TWO_OF_THREE)), in_force(stricter())
    lane.alerts.acknowledges = False
    pipeline = lane.pipeline()
    lane.source.records.extend([at(0), at(1, seconds=0.1)])
    pipeline.step(0)
    assert len(told(lane)) == 1
    with pytest.raises(BrokerUnavailable):
        pipeline.switch(after, context)
    assert lane.source.stored == {}


def test_a_passage_goes_on_and_does_not_alert_again() -> None:
    """Nor does its cool-down begin anew."""
    lane, (after, context) = Lane(), in_force(stricter())
    pipeline = lane.pipeline()
    see(lane, pipeline, [at(0)])
    pipeline.switch(after, context)
    see(lane, pipeline, [at(1, seconds=0.5), at(2, seconds=30)])
    assert len(told(lane)) == 1
    assert outcomes(lane.account) == {("alerted", "candidate"): 1, ("no_match", "repeated"): 2}


@pytest.mark.parametrize("changes", [{}, {"cool_down_s": 0.0}, {"cool_down_s": 0.0, "passage_gap_ms": 1}])
def test_a_frame_that_is_judged_again_by_another_policy_does_not_alert_again(changes: Any) -> None:
    """Killed between its alert and its commit; whoever comes next reads the topic, where the alert has another id."""
    lane, other = Lane(), stricter(sightings=replace(policy().sightings, **changes))
    pipeline = lane.pipeline()
    frames = [at(0, b"stranger", -0.5), at(1), at(2, seconds=0.001)]
    lane.source.records.extend(frames)
    pipeline.step(0)
    assert len(told(lane)) == 1
    after, context = in_force(other)
    successor = replace(lane, policy=other).pipeline()
    successor.switch(after, context)
    successor.rebalance([], [FRAMES])
    successor.recall([message.value for message in lane.alerts.messages])
    see(lane, successor, frames)
    assert len(told(lane)) == 1


def test_frames_that_wait_are_taken_in_anew() -> None:
    """By the other policy's age and freshness; none of them is lost or counted twice."""
    lane = Lane(poll_records=2)
    pipeline = lane.pipeline()
    lane.source.records.extend([at(0, b"empty"), at(1, b"empty"), at(2, b"empty", key=b"hall"), at(3), at(4)])
    lane.source.records.append(at(5, seconds=-0.9))
    pipeline.step(0)
    newest = FreshnessRule(Rule.NEWEST)
    lists = {"sought": replace(SOUGHT, cameras={})}
    other = policy(policy=8, cameras=("gate",), watchlists=lists, freshness=newest, max_frame_age_ms=500)
    pipeline.switch(*in_force(other))
    while pipeline.step(0):
        pass
    pipeline.drain()
    assert lane.account.frames_in == lane.account.frames_out.total() == 6
    shed = {reason: count for (outcome, reason), count in outcomes(lane.account).items() if outcome == "shed"}
    assert shed == {Shed.TOO_OLD: 1, Shed.SUPERSEDED: 1}
    assert lane.source.stored == {FRAMES: 6}


def test_a_camera_that_the_other_policy_does_not_cover_is_refused_while_it_waits() -> None:
    """It was taken in, and nobody looks at it."""
    lane = Lane(poll_records=1)
    pipeline = lane.pipeline()
    lane.source.records.extend([at(0, b"empty"), at(1, key=b"hall")])
    pipeline.step(0)
    pipeline.switch(*in_force(policy(policy=8, cameras=("gate",), watchlists={"sought": replace(SOUGHT, cameras={})})))
    pipeline.step(0)
    pipeline.drain()
    assert outcomes(lane.account) == {("no_match", "no_face"): 1, ("dead_lettered", "unknown_camera"): 1}
    assert told(lane) == []


def test_what_was_shed_by_the_former_policy_says_so() -> None:
    """Each interval names the policy by which its frames were shed."""
    lane, (after, context) = Lane(), in_force(stricter())
    pipeline = lane.pipeline()
    see(lane, pipeline, [at(0, seconds=-2)])
    pipeline.switch(after, context)
    see(lane, pipeline, [at(1, seconds=-2)])
    pipeline.drain()
    records = [parse_record(message.value) for message in lane.ledger.messages]
    assert [each.policy_digest for each in records if each.kind == SHED_TYPE] == ["d" * 64, after.digest]


def test_the_gates_are_the_other_policys_too() -> None:
    """What counts as a face, and which faces are compared."""

    class Gated(FakeVision):
        """Remembers what it was told."""

        gates: tuple[DetectSettings, QualitySettings] | None = None

        def adopt(self, detect: DetectSettings, quality: QualitySettings) -> None:
            """See `Vision.adopt`."""
            self.gates = (detect, quality)

    vision = Gated()
    pipeline = Lane(vision=vision).pipeline()
    assert vision.gates == (policy().detect, policy().quality)
    other = stricter(detect=replace(policy().detect, confidence=0.8), quality=replace(policy().quality, max_turn=0.1))
    pipeline.switch(*in_force(other))
    assert vision.gates == (other.detect, other.quality)


class Superseding(FakeIndex):
    """Another policy comes to stand while the list is searched, or while a broker takes evidence."""

    def __init__(self, lane: Lane, heard: str) -> None:
        super().__init__()
        self.lane, self.heard, self.digest = lane, heard, "d" * 64

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """See `Index.search`."""
        if self.heard == "search":
            self.digest = in_force(stricter())[0].digest
        return super().search(vectors, k, at_least)

    def halting(self, digest: str) -> Halt | None:
        """See `Halting`."""
        if self.heard == "evidence" and self.lane.evidence.messages:
            self.digest = in_force(stricter())[0].digest
        return None if digest == self.digest else Halt(None, "another stands")


@pytest.mark.parametrize("heard", ["search", "evidence"])
def test_nothing_follows_from_a_policy_that_is_superseded_while_a_frame_is_looked_at(heard: str) -> None:
    """The frame is judged anew by the one that stands; nobody is lost."""
    lane = Lane()
    world = Superseding(lane, heard)
    lane.index, lane.halting = world, world.halting
    pipeline = lane.pipeline()
    see(lane, pipeline, [at(0, b"half"), at(1, b"anna", 0.1)])
    pipeline.step(0)
    assert (told(lane), lane.account.open, lane.source.stored) == ([], 2, {})
    pipeline.switch(*in_force(stricter()))
    see(lane, pipeline, [])
    pipeline.drain()
    [alert] = told(lane)
    assert (alert["policy"]["number"], alert["frame"]["offset"]) == (8, 1)
    assert outcomes(lane.account) == {("alerted", "candidate"): 1, ("no_match", "below_threshold"): 1}
    assert lane.source.stored == {FRAMES: 2}


def test_frames_that_the_next_policy_was_to_judge_go_with_their_partition() -> None:
    """They are given back, each once."""
    lane = Lane()
    world = Superseding(lane, "search")
    lane.index, lane.halting = world, world.halting
    pipeline = lane.pipeline()
    see(lane, pipeline, [at(0), at(1)])
    pipeline.rebalance([FRAMES], [])
    assert (lane.account.open, lane.account.given_back, lane.account.frames_in) == (0, 2, 0)
    pipeline.switch(*in_force(stricter()))
    see(lane, pipeline, [])
    assert told(lane) == []
