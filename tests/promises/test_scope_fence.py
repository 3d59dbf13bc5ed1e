"""Nobody is looked at outside the place, the hours and the time that the policy names, or once somebody says stop."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.account import Shed
from cluster.ledger.writer import LedgerWriter
from cluster.policies.standing import Halt
from operators.errors import FrameRefused, IndexIncomplete
from operators.freshness import FreshnessRule, Rule
from operators.hours import WEEKDAYS, Hours
from operators.sightings import SightingSettings
from operators.types import Float32, Hit
from operators.vision import Seen
from tests.builders import NOW, FakeIndex, FakeVision, Lane, intervals, outcomes, policy, record, shed_in_ledger

FRAMES = ("frames", 0)
SECOND = timedelta(seconds=1)
UNTIL_NOON = Hours("Etc/UTC", dict.fromkeys(WEEKDAYS, ("08:00-12:00",)))


class Watched(FakeVision):
    """Counts the frames that it is given."""

    def __init__(self) -> None:
        self.frames = 0

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `Vision.see`."""
        self.frames += len(jpegs)
        return super().see(jpegs)


@dataclass(slots=True)
class Street:
    """A lane whose frames come as they are taken, one every so often."""

    lane: Lane
    offset: int = 0

    def pass_by(self, begin: datetime, frames: int, apart: timedelta, camera: bytes = b"gate") -> None:
        """So many frames of the same listed person, from `begin` on, each looked at when it comes."""
        pipeline = self.lane.pipeline()
        for number in range(frames):
            self.lane.clock.time = at = begin + number * apart
            stamp = int(at.timestamp() * 1000)
            self.lane.source.records.append(record(b"anna", self.offset, key=camera, timestamp_ms=stamp))
            self.offset += 1
            pipeline.step(0)
        pipeline.drain()


def test_of_a_thousand_frames_half_of_them_outside_five_hundred_are_looked_at() -> None:
    """The others are counted, in the account and in the ledger, and nothing else is left of them."""
    vision = Watched()
    lane = Lane(policy=policy(hours=UNTIL_NOON), vision=vision)
    Street(lane).pass_by(NOW - 500 * SECOND, 1000, SECOND)
    assert vision.frames == 500
    assert lane.account.watched.total() == 500
    assert shed_in_ledger(lane) == {Shed.OUT_OF_HOURS: 500}
    assert lane.account.frames_in == lane.account.frames_out.total() == 1000
    assert lane.source.stored == {FRAMES: 1000}
    for each in intervals(lane):
        assert each.begin >= NOW
        assert each.cameras == ("gate",)


@pytest.mark.parametrize("field", ["start", "end", "review_by"])
def test_before_its_start_and_from_its_end_or_review_on_nobody_is_looked_at(field: str) -> None:
    """The moment itself belongs to the later side."""
    vision, edge = Watched(), NOW
    times: dict[str, Any] = {"start": NOW - 9 * SECOND, "review_by": NOW + 9 * SECOND, "end": NOW + 10 * SECOND}
    lane = Lane(
        policy=policy(**{**times, field: edge, **({"review_by": edge} if field == "end" else {})}), vision=vision
    )
    Street(lane).pass_by(NOW - 4 * SECOND, 8, SECOND)
    assert vision.frames == 4
    assert shed_in_ledger(lane) == {Shed.OUT_OF_HOURS: 4}
    [alert] = [json.loads(message.value) for message in lane.alerts.messages]
    assert alert["frame"]["offset"] == (4 if field == "start" else 0)


@pytest.mark.parametrize("edge", [NOW, NOW - 4 * 3600 * SECOND], ids=["at the end", "at the beginning"])
def test_the_moment_of_a_frame_and_the_present_must_both_be_inside(edge: datetime) -> None:
    """Taken in time and come too late is outside; so is taken before and come in time."""
    vision = Watched()
    lane = Lane(policy=policy(hours=UNTIL_NOON), vision=vision)
    lane.clock.time = edge + SECOND / 4
    lane.run([record(b"anna", timestamp_ms=int((edge - SECOND / 2).timestamp() * 1000))])
    assert (vision.frames, shed_in_ledger(lane)) == (0, {Shed.OUT_OF_HOURS: 1})


def test_more_frames_than_can_be_looked_at_are_outside_nevertheless() -> None:
    """The account says that they were outside, and not that there were too many."""
    lane = Lane(policy=policy(hours=UNTIL_NOON, freshness=FreshnessRule(Rule.NEWEST)), poll_records=1)
    lane.run([record(b"anna", offset) for offset in range(5)])
    assert shed_in_ledger(lane) == {Shed.OUT_OF_HOURS: 5}


def test_a_camera_that_the_policy_does_not_name_is_not_looked_at() -> None:
    """Its frames are dead letters, which hold no picture."""
    vision = Watched()
    lane = Lane(vision=vision)
    Street(lane).pass_by(NOW, 10, SECOND, camera=b"roof")
    assert vision.frames == 0
    assert outcomes(lane.account) == {("dead_lettered", "unknown_camera"): 10}


@dataclass(slots=True)
class Orders:
    """What halts everything, from some moment on."""

    halt: Halt | None = None

    def __call__(self, _: str) -> Halt | None:
        """See `Halting`."""
        return self.halt


STOP = Halt(Shed.STOPPED, "stopped by inspector 7: a test")


def test_once_stopped_frames_are_taken_in_and_not_looked_at() -> None:
    """Until somebody resumes; each is accounted for."""
    vision, orders = Watched(), Orders()
    lane = Lane(vision=vision, halting=orders)
    street = Street(lane)
    for halt, frames in ((None, 2), (STOP, 5), (None, 3)):
        orders.halt = halt
        street.pass_by(NOW, frames, SECOND / 100)
    assert vision.frames == 5
    assert shed_in_ledger(lane) == {Shed.STOPPED: 5}
    assert lane.source.stored == {FRAMES: 10}


def test_a_stop_that_comes_while_a_frame_waits_or_is_looked_at_is_heard() -> None:
    """Nothing follows from the frame, though a listed person is in it."""
    for heard in ("while it waits", "while it is looked at", "while the list is searched"):
        orders = Orders()

        class Interrupted(Watched):
            """Somebody says stop while a frame is looked at."""

            def see(
                self, jpegs: Sequence[bytes], orders: Orders = orders, heard: str = heard
            ) -> list[Seen | FrameRefused]:
                """See `Vision.see`."""
                if heard == "while it is looked at":
                    orders.halt = STOP
                return super().see(jpegs)

        class Slow(FakeIndex):
            """The same while the list is searched."""

            def search(self, vectors: Float32, k: int, at_least: float, orders: Orders = orders) -> list[list[Hit]]:
                """See `Index.search`."""
                orders.halt = STOP
                return super().search(vectors, k, at_least)

        vision = Interrupted()
        lane = Lane(vision=vision, halting=orders, poll_records=1, index=Slow() if "list" in heard else FakeIndex())
        pipeline = lane.pipeline()
        lane.source.records.extend([record(b"stranger", 0), record(b"anna", 1)])
        if heard == "while it waits":
            pipeline.step(0)
            orders.halt = STOP
        while pipeline.step(0):
            pass
        pipeline.drain()
        assert lane.alerts.messages == []
        assert lane.account.frames_in == lane.account.frames_out.total() == 2
        assert shed_in_ledger(lane)[Shed.STOPPED] == (1 if heard == "while it waits" else 2)
        assert vision.frames == 1
        assert lane.source.stored == {FRAMES: 2}


def test_a_stop_is_heard_while_the_index_is_silent() -> None:
    """Its search ends, so that nothing that was decided before waits for an index."""
    orders = Orders()

    class Silent(FakeIndex):
        """Somebody says stop after the first search, and no other is answered."""

        def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
            """See `Index.search`."""
            orders.halt = STOP
            raise IndexIncomplete("shard 1 of 2 does not answer")

    lane = Lane(index=Silent(), halting=orders)
    pipeline = lane.run([record(b"anna", 0), record(b"empty", 1)])
    assert pipeline.waiting_for is None
    assert shed_in_ledger(lane) == {Shed.STOPPED: 2}
    assert lane.source.stored == {FRAMES: 2}


@pytest.mark.parametrize("confirm", [1, 2])
def test_who_was_not_alerted_about_because_of_a_stop_is_after_a_resume(confirm: int) -> None:
    """The stop comes while evidence is on its way; no cool-down has begun, and a passage needs its frames still."""
    orders = Orders()
    lane = Lane(policy=policy(sightings=SightingSettings(confirm, 3, 0.3, 9000, 60.0)))
    lane.halting = lambda _: orders.halt or (STOP if len(lane.evidence.messages) == 1 else None)
    pipeline = lane.pipeline()
    for offset in range(confirm):
        lane.source.records.append(record(b"anna", offset))
        pipeline.step(0)
    assert (lane.alerts.messages, shed_in_ledger(lane)) == ([], {})
    assert outcomes(lane.account)["shed", "stopped"] == 1
    lane.halting = orders
    pipeline._scope._halting = orders
    for offset in range(confirm, confirm + 2):
        lane.source.records.append(record(b"anna", offset))
        pipeline.step(0)
    pipeline.drain()
    [alert] = [json.loads(message.value) for message in lane.alerts.messages]
    assert alert["frame"]["offset"] == confirm
    assert shed_in_ledger(lane) == {Shed.STOPPED: 1}
    assert lane.source.stored == {FRAMES: confirm + 2}


def test_a_stop_that_comes_while_the_ledger_is_waited_for_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last question before an alert is whether it may be."""
    orders, lane = Orders(), Lane()
    lane.halting = orders
    check = LedgerWriter.check

    def waits(ledger: LedgerWriter) -> None:
        check(ledger)
        if lane.evidence.messages:
            orders.halt = STOP

    monkeypatch.setattr(LedgerWriter, "check", waits)
    lane.run([record(b"anna bert")])
    assert lane.evidence.messages != []
    assert lane.alerts.messages == []
    assert shed_in_ledger(lane) == {Shed.STOPPED: 1}


@given(st.lists(st.tuples(st.sampled_from(["frame", "stop", "resume", "wait"]), st.integers(0, 3)), max_size=30))
def test_no_alert_is_written_while_stopped_whatever_comes_in_between(drawn: list[tuple[str, int]]) -> None:
    """Frames in any number, stops and resumes at any time between two batches."""
    orders, stops = Orders(), list[tuple[datetime, datetime | None]]()
    lane = Lane(halting=orders, policy=replace(policy(), sightings=replace(policy().sightings, cool_down_s=0)))
    pipeline, offset = lane.pipeline(), 0
    for what, amount in drawn:
        lane.clock.time += SECOND
        if what == "frame":
            for _ in range(amount):
                stamp = int(lane.clock.time.timestamp() * 1000)
                lane.source.records.append(record(b"anna", offset, timestamp_ms=stamp))
                offset += 1
        elif what == "stop" and orders.halt is None:
            orders.halt = STOP
            stops.append((lane.clock.time, None))
        elif what == "resume" and orders.halt is not None:
            orders.halt = None
            stops[-1] = (stops[-1][0], lane.clock.time)
        pipeline.step(0)
    pipeline.drain()
    for message in lane.alerts.messages:
        at = datetime.fromisoformat(json.loads(message.value)["alerted_at"])
        assert not any(begin <= at and (end is None or at < end) for begin, end in stops)
    assert lane.account.open == 0
    assert shed_in_ledger(lane).total() + lane.account.watched.total() == offset
