"""Passages of a canary, held against alerts, over a camera and a topic in memory."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from cluster.canary.probe import FORGOTTEN_S, NotShown, Place, Probe, place_of, shortest_s
from cluster.telemetry.catalogue import CATALOGUE
from cluster.telemetry.metric import EVERYWHERE, Teller
from operators.errors import BrokerUnavailable
from tests.builders import NOW, policy

PLACE = Place("test", "empty", "canary")


@dataclass
class World:
    """A cluster that alerts `after_s` seconds after the first frame of a stream, by a clock that waiting moves."""

    after_s: float
    alert: Callable[[str], bytes] = lambda stream: json.dumps({"canary": True, "frame": {"stream": stream}}).encode()
    now: datetime = NOW
    frames: list[tuple[str, str]] = field(default_factory=list)
    due: dict[str, datetime] = field(default_factory=dict)

    def publish(self, camera: str, jpeg: bytes, captured_at: datetime, stream: str, seq: int) -> None:
        """As a camera."""
        if not [one for one in self.frames if one[1] == stream]:
            self.due[stream] = self.now + timedelta(seconds=self.after_s)
        self.frames.append((camera, stream))

    def close(self) -> None:
        """As a camera."""

    def read(self, timeout_s: float) -> list[bytes]:
        """As the alerts topic."""
        self.now += timedelta(seconds=timeout_s)
        ready = [stream for stream, at in self.due.items() if at <= self.now]
        return [self.alert(stream) for stream in ready if self.due.pop(stream)]

    def probe(self) -> Probe:
        """One that has ten seconds."""
        return Probe(PLACE, b"picture", lambda: self.now, 10.0)


def nothing() -> None:
    """Nothing has halted anything."""


def counts(probe: Probe) -> tuple[float, ...]:
    """Sent, alerted, late."""
    return tuple(sample.value for sample in probe.samples()[:3])


def test_a_passage_ends_with_its_alert() -> None:
    """Frames are shown until it comes, each of one stream, to the canary's camera."""
    world = World(after_s=1.0)
    probe = world.probe()
    assert probe.walk(world, world.read, nothing) == pytest.approx(1.0)
    assert counts(probe) == (1, 1, 0)
    assert len(world.frames) == 5
    assert len(set(world.frames)) == 1
    assert world.frames[0][0] == "empty"


def test_an_alert_that_does_not_come_is_missed_and_one_that_comes_later_is_late() -> None:
    """Between two passages; it is not counted twice."""
    world = World(after_s=15.0)
    probe = world.probe()
    assert probe.walk(world, world.read, nothing) is None
    assert counts(probe) == (1, 0, 0)
    probe.wait(world.read, 20.0)
    probe.wait(world.read, 20.0)
    assert counts(probe) == (1, 0, 1)


def test_a_late_alert_that_comes_during_the_next_passage_is_late() -> None:
    """It is neither that passage's nor lost."""
    world = World(after_s=14.0)
    probe = world.probe()
    assert probe.walk(world, world.read, nothing) is None
    assert probe.walk(world, world.read, nothing) is None
    assert counts(probe) == (2, 0, 1)


def test_a_passage_that_is_long_over_is_forgotten() -> None:
    """A canary that is missed for weeks does not remember each passage."""
    world = World(after_s=FORGOTTEN_S + 5)
    probe = world.probe()
    probe.walk(world, world.read, nothing)
    world.now = NOW + timedelta(seconds=FORGOTTEN_S + 1)
    probe.walk(world, world.read, nothing)
    assert counts(probe) == (2, 0, 0)


def test_it_tells_when_the_next_passage_is_to_be_over() -> None:
    """By that an alarm sees that it has ended, however seldom it walks."""
    world = World(1.0)
    probe = world.probe()
    probe.expect(130.0)
    due = next(each for each in probe.samples() if each.name == "beholden_canary_due_timestamp_seconds")
    assert due.value == NOW.timestamp() + 130


@pytest.mark.parametrize(
    "alert",
    [
        lambda stream: json.dumps({"frame": {"stream": stream}}).encode(),
        lambda _: json.dumps({"canary": True, "frame": {"stream": "another"}}).encode(),
        lambda _: json.dumps({"canary": True}).encode(),
        lambda _: json.dumps({"canary": True, "frame": None}).encode(),
        lambda _: b"nonsense",
    ],
)
def test_other_alerts_are_not_its_own(alert: Callable[[str], bytes]) -> None:
    """Those about people who are sought, those of passages before, and whatever else stands in the topic."""
    world = World(1.0, alert)
    probe = world.probe()
    assert probe.walk(world, world.read, nothing) is None
    assert counts(probe) == (1, 0, 0)


def test_a_passage_that_could_not_be_shown_counts_as_one_without_an_alert() -> None:
    """Nobody would have been alerted about then; a walk that was broken off is counted by whoever saw it fail."""

    def broken(_: float) -> list[bytes]:
        raise BrokerUnavailable("gone")

    world = World(1.0)
    probe = world.probe()
    with pytest.raises(BrokerUnavailable):
        probe.walk(world, broken, nothing)
    probe.fail()
    assert counts(probe) == (1, 0, 0)


def test_a_passage_during_which_nothing_was_looked_at_was_none() -> None:
    """It is neither missed nor, should an alert come after all, late; one that was alerted about counts as ever."""
    world = World(after_s=14.0)
    probe = world.probe()
    with pytest.raises(NotShown, match="stopped by dan"):
        probe.walk(world, world.read, lambda: "stopped by dan")
    assert counts(probe) == (0, 0, 0)
    probe.wait(world.read, 20.0)
    assert counts(probe) == (0, 0, 0)
    world.after_s = 1.0
    assert probe.walk(world, world.read, lambda: "stopped by dan") == pytest.approx(1.0)
    assert counts(probe) == (1, 1, 0)


def test_its_samples_are_those_of_the_catalogue() -> None:
    """Every one that a canary tells, with its labels."""
    world = World(1.0)
    probe = world.probe()
    probe.walk(world, world.read, nothing)
    assert {sample.name for sample in probe.samples()} == {
        name for name, metric in CATALOGUE.items() if metric.teller is Teller.CANARY
    }
    for sample in probe.samples():
        assert set(sample.labels) == {EVERYWHERE, *CATALOGUE[sample.name].labels}
    assert probe.samples()[3].value == (NOW + timedelta(seconds=1)).timestamp()


def test_the_policy_says_where_a_canary_walks() -> None:
    """On its only list for one, or on the one that is named."""
    rule = replace(policy().watchlists["sought"], cameras={})
    one = policy(watchlists={"sought": rule, "a": replace(rule, canary="hall")})
    two = policy(watchlists={**one.watchlists, "b": replace(rule, canary="gate")})
    assert place_of(policy(), None) is None
    assert place_of(one, None) == Place("test", "hall", "a")
    assert place_of(two, None) is None
    assert place_of(two, "b") == Place("test", "gate", "b")
    assert place_of(two, "sought") is None


def test_passages_are_farther_apart_than_the_cool_down() -> None:
    """Otherwise the second would be taken for the first again, and nobody alerted about."""
    assert shortest_s(policy(), 10.0) == 10.0 + 60 + 2
