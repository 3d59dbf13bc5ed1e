"""Recognisers that leave, those that do not, and those that Ray has lost; actors and Kafka are fakes."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster import departures as module
from cluster.actors import Silent
from cluster.departures import Departures
from cluster.plan import Plan
from cluster.recogniser_status import Departure
from operators.errors import BrokerUnavailable

LEFT, LATE = Departure(12, 3, 0.4, True), Departure(0, 0, 8.0, False)
BUSY, GONE = Silent("starting, or too busy to answer"), Silent("failed", is_gone=True)


@dataclass
class Actors:
    """What there is, what each says, and what was done to it."""

    says: dict[str, Departure | Silent]
    asked: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    expelled: list[str] = field(default_factory=list)
    now_s: float = 0.0

    def find(self, name: str) -> Any:
        """An actor whose `close` can be called; None when it has been ended."""
        return None if name in self.ended or name not in self.says else _Actor(name, self.asked)


@dataclass
class _Actor:
    name: str
    asked: list[str]

    @property
    def close(self) -> "_Actor":
        return self

    def remote(self, _: float) -> str:
        self.asked.append(self.name)
        return self.name


@pytest.fixture
def actors(monkeypatch: pytest.MonkeyPatch) -> Actors:
    """Three recognisers: one leaves, one takes its time, one is lost."""
    found = Actors({"recogniser-0": LEFT, "recogniser-1": BUSY, "recogniser-2": GONE})
    monkeypatch.setattr(module, "find_actor", found.find)
    monkeypatch.setattr(module, "hear", lambda name: found.says[name])
    monkeypatch.setattr(module, "end", lambda actors: found.ended.extend(actor.name for actor in actors))
    monkeypatch.setattr(module, "expel", lambda kafka, group, name: found.expelled.append(name))
    monkeypatch.setattr(module.time, "monotonic", lambda: found.now_s)
    return found


def test_one_that_has_left_is_ended_and_says_how_it_went(actors: Actors, drawn: Plan) -> None:
    """Asked once, ended once; until it is wanted again it is known how it went."""
    departures = Departures(drawn)
    for _ in range(3):
        departures.see_off(["recogniser-0"])
    assert (actors.asked, actors.ended, actors.expelled) == (["recogniser-0"], ["recogniser-0"], [])
    assert departures.of("recogniser-0") == LEFT
    assert str(LEFT) == "12 frames finished, 3 given back in 0.4 s and left the group"
    departures.forget(["recogniser-0", "recogniser-1"])
    assert departures.of("recogniser-0") is None


def test_one_that_takes_too_long_is_ended_and_taken_out_of_the_group(actors: Actors, drawn: Plan) -> None:
    """Not before it has had its time; otherwise its partitions would be nobody's until its session is over."""
    departures = Departures(drawn)
    departures.see_off(["recogniser-1"])
    actors.now_s = 11.9
    departures.see_off([])
    assert (departures.under_way, actors.ended) == ({"recogniser-1"}, [])
    actors.now_s = 12.0
    departures.see_off(["recogniser-1"])
    assert (departures.under_way, actors.ended, actors.expelled) == (set(), ["recogniser-1"], ["recogniser-1"])
    assert departures.of("recogniser-1") is None


def test_one_that_could_not_leave_is_taken_out_as_well(actors: Actors, drawn: Plan) -> None:
    """Its process hangs in a search or waits for Kafka, or is lost."""
    actors.says["recogniser-1"] = LATE
    departures = Departures(drawn)
    departures.see_off(["recogniser-1", "recogniser-2"])
    assert actors.expelled == ["recogniser-1", "recogniser-2"]
    assert departures.of("recogniser-1") == LATE
    assert "did not leave the group" in str(LATE)


def test_without_kafka_it_is_ended_nevertheless(actors: Actors, drawn: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is no member before long either."""

    def fail(*_: object) -> None:
        raise BrokerUnavailable("no broker")

    monkeypatch.setattr(module, "expel", fail)
    departures = Departures(drawn)
    departures.see_off(["recogniser-2"])
    assert (departures.under_way, actors.ended) == (set(), ["recogniser-2"])
