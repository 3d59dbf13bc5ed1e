"""Five seconds after somebody has said stop no recogniser alerts, also none that the order does not reach."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.clocks import HandClock
from cluster.policies import feed as policy_feed
from cluster.policies.feed import PolicyFeed
from cluster.policies.standing import Halt
from cluster.policies.state import PolicyState
from cluster.ports import Record
from cluster.wire.order import Action, encode_order
from cluster.wire.release import encode_release
from cluster.wire.text import parse_time
from operators.errors import BrokerUnavailable
from operators.sightings import SightingSettings
from operators.types import Float32, Hit
from tests.builders import NOW, FakeIndex, Lane, policy, record
from tests.releases import SIGNERS, approved, changed, in_topic, order

TICK_S, LONGEST_CUT_S, WITHIN_S = 0.1, 15.0, 5.0
LANES = 4
FIRST = approved(changed(7))
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["step", "step", "step", "cut", "heal", "stop", "wait"]),
        st.integers(0, LANES - 1),
        st.integers(0, 70),
    ),
    max_size=30,
)


@dataclass
class World:
    """Recognisers, the policy topic, and the line of each to it.

    Attributes:
        clock: The time of all.
        topic: The policy topic.
        stopped_at: When somebody said stop.
    """

    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    topic: list[bytes] = field(default_factory=lambda: [encode_release(FIRST)])
    stopped_at: datetime | None = None
    offset: int = 0

    def __post_init__(self) -> None:
        self.lanes = [Recogniser(self) for _ in range(LANES)]

    def tick(self, ticks: int = 1) -> None:
        """Time goes on, and all follow the topic meanwhile whose line is not cut."""
        for _ in range(ticks):
            self.clock.time += timedelta(seconds=TICK_S)
            for lane in self.lanes:
                lane.follow()

    def stop(self) -> None:
        """Somebody says stop."""
        if self.stopped_at is None:
            self.stopped_at = self.clock.time
            self.topic.append(encode_order(order(Action.STOP, "dan", at=self.clock.time)))

    def monotonic(self) -> float:
        """As `time`."""
        return (self.clock.time - NOW).total_seconds() + 1000.0


class Recogniser(FakeIndex):
    """A dataflow and its line to the policy topic; its searches take time."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.cut_ticks = self.search_ticks = self.at = 0
        self.is_cut = False
        self.asked_s = 0.0
        state = PolicyState("test", SIGNERS, lambda _: None)
        self.feed = PolicyFeed(lambda _: self, state, world.clock)
        each_frame_alerts = SightingSettings(1, 1, 0.3, 1, 0)
        decides = replace(policy(), sightings=each_frame_alerts, max_frame_age_ms=10**9)
        self.lane = Lane(clock=world.clock, index=self, halting=self.halting, policy=decides)
        self.pipeline = self.lane.pipeline()

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """The policy topic; nothing comes over a line that is cut."""
        found = [] if self.is_cut else self.world.topic[self.at :]
        self.at += len(found)
        return [in_topic(value, self.at - len(found) + number) for number, value in enumerate(found)]

    def is_current(self) -> bool:
        """See `TopicReader`."""
        if self.is_cut:
            raise BrokerUnavailable("the line is cut")
        return self.at == len(self.world.topic)

    def close(self) -> None:
        """Nothing is open."""

    def follow(self) -> None:
        """One look at the topic; a cut that lasts is mended."""
        self.cut_ticks += self.is_cut
        self.is_cut = self.is_cut and self.cut_ticks * TICK_S < LONGEST_CUT_S
        try:
            self.asked_s = self.feed._look(self, self.asked_s)
        except BrokerUnavailable:
            self.asked_s = 0.0

    def halting(self, _: str) -> Halt | None:
        """As the feed says it, whose waits are the world's."""
        while not self.feed._is_certain:
            self.world.tick()
        return self.feed.halting(FIRST.digest)

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """Takes as long as it is to."""
        self.world.tick(self.search_ticks)
        return super().search(vectors, k, at_least)

    def see(self, search_ticks: int) -> None:
        """One frame of a listed person."""
        self.search_ticks = search_ticks
        stamp = int(self.world.clock.time.timestamp() * 1000)
        self.lane.source.records.append(record(b"anna", self.world.offset, timestamp_ms=stamp))
        self.world.offset += 1
        self.pipeline.step(0)


def run(events: Sequence[tuple[str, int, int]]) -> World:
    """Let it all happen; feeds look at the topic when the world makes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PolicyFeed, "_run", lambda _: None)
        world = World()
        patch.setattr(policy_feed, "time", world)
        world.tick(10)
        for what, number, amount in events:
            lane = world.lanes[number]
            if what == "step":
                lane.see(amount)
            elif what == "cut":
                lane.is_cut, lane.cut_ticks = True, 0
            elif what == "heal":
                lane.is_cut = False
            elif what == "stop":
                world.stop()
            else:
                world.tick(amount)
    return world


def alerted_at(world: World) -> list[datetime]:
    """When alerts were written."""
    messages = [message for lane in world.lanes for message in lane.lane.alerts.messages]
    return [parse_time(json.loads(message.value)["alerted_at"]) for message in messages]


def too_late(world: World) -> list[datetime]:
    """Alerts that were written although somebody had said stop."""
    limit = world.stopped_at and world.stopped_at + timedelta(seconds=WITHIN_S)
    return [at for at in alerted_at(world) if limit and at > limit]


@settings(max_examples=10, deadline=None)
@given(EVENTS)
def test_no_alert_is_written_later_than_that(events: Any) -> None:
    """Four recognisers, searches of up to seven seconds, lines that are cut and mended."""
    assert too_late(run(events)) == []


CUT_OFF = [
    ("step", 0, 0),
    ("step", 1, 0),
    ("cut", 0, 0),
    ("stop", 0, 0),
    ("wait", 0, 51),
    ("step", 0, 0),
    ("step", 1, 0),
]
LONG_SEARCH = [("cut", 0, 0), ("stop", 0, 0), ("step", 0, 60)]


@pytest.mark.parametrize(("events", "before"), [(CUT_OFF, 2), (LONG_SEARCH, 0)])
def test_who_is_cut_off_does_not_alert_and_neither_does_one_whose_search_took_long(events: Any, before: int) -> None:
    """What came before the order has alerted; nothing else does."""
    world = run(events)
    assert too_late(world) == []
    assert len(alerted_at(world)) == before


@pytest.mark.parametrize("events", [CUT_OFF, LONG_SEARCH])
def test_one_that_trusted_what_it_knew_would_be_found(events: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control: with what is known holding for ever, the promise is broken."""
    monkeypatch.setattr(policy_feed, "CERTAIN_S", 1e9)
    assert too_late(run(events)) != []
