"""What the supervisor knows of the policy, over a feed in memory."""

import json
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

import pytest

from cluster.account import Account
from cluster.kafka_settings import KafkaSettings
from cluster.memory_io import MemorySink
from cluster.policies import watch as policy_watch
from cluster.policies.feed import PolicyFeed
from cluster.policies.spread import Case, Newest
from cluster.policies.standing import Standing
from cluster.policies.watch import AGAIN_S, PolicyWatch, tell_ledger
from cluster.recogniser_status import RecogniserStatus
from cluster.status import WATCHING, Member
from cluster.wire.ledger import parse_record
from cluster.wire.order import Action
from operators.errors import BrokerUnavailable
from tests.builders import NOW, policy_document
from tests.releases import SOON, approved, changed, loosening, order

FIRST, SECOND = approved(changed(7)), approved(changed(8))


@dataclass
class Feed:
    """As `PolicyFeed`."""

    standing: Standing | None = None
    trouble: str | None = None
    latest: datetime = NOW


@dataclass
class World:
    """A watch, what stands, and the ledger."""

    feed: Feed = field(default_factory=Feed)
    told: list[Case] = field(default_factory=list)
    is_away: bool = False

    def tell(self, case: Case) -> None:
        """As the ledger."""
        if self.is_away:
            raise BrokerUnavailable("away")
        self.told.append(case)

    def watch(self) -> PolicyWatch:
        """Over both."""
        return PolicyWatch(cast("PolicyFeed", self.feed), self.tell)


def lane(slot: int, policy: int, switched_at: str | None = None) -> Member:
    """A recogniser that goes by that policy."""
    digest = {0: "", 7: FIRST.digest, 8: SECOND.digest}[policy]
    about = (policy, digest, "CPU", 0, None, Account().summary())
    status = RecogniserStatus(slot, 9, "here", WATCHING, {}, 0.0, *about, switched_at=switched_at)
    return Member(f"recogniser-{slot}", WATCHING, status)


def test_a_recogniser_that_does_not_change_over_is_shown_and_told_to_the_ledger_once() -> None:
    """Until it has; one that has not begun yet goes by nothing."""
    world = World(Feed(Standing(SECOND, SECOND, NOW)))
    watch = world.watch()
    members = [lane(0, 8), lane(1, 7), lane(2, 0), Member("shard-0-of-1-r0", "ready")]
    assert [watch.look(members, asked_s) for asked_s in (100.0, 103.0, 104.0, 106.0)] == [True, False, False, False]
    assert [(case.newest.number, case.late) for case in world.told] == [(8, ("recogniser-1",))]
    shown = watch.shown
    assert shown is not None
    assert (shown.number, shown.digest, shown.halted) == (8, SECOND.digest, None)
    assert shown.alarms == ("recogniser-1 has not changed over to policy 8 within 6.0 s",)
    later = "2026-01-31T12:00:09.000Z"
    assert watch.look([lane(0, 8, "2026-01-31T12:00:00.000Z"), lane(1, 8, later)], 107.0)
    assert watch.shown is not None
    assert watch.shown.alarms == ("recogniser-1 changed over to policy 8 9.0 s after the first",)
    assert len(world.told) == 2


def test_what_the_ledger_could_not_take_it_is_told_later(caplog: pytest.LogCaptureFixture) -> None:
    """Once, and not tried all the time: nobody is replaced while it is waited for."""
    world = World(Feed(Standing(SECOND, SECOND, NOW)), is_away=True)
    watch = world.watch()
    for asked_s in (100.0, 103.0, 104.0):
        watch.look([lane(1, 7)], asked_s)
    assert world.told == []
    assert "the ledger is told later" in caplog.text
    world.is_away = False
    watch.look([lane(1, 7)], 104.0 + AGAIN_S - 0.1)
    assert world.told == []
    for asked_s in (104.0 + AGAIN_S, 106.0 + AGAIN_S):
        watch.look([lane(1, 7)], asked_s)
    assert len(world.told) == 1


def test_a_policy_that_needs_a_restart_and_a_silent_topic_are_alarms() -> None:
    """What is in force still is shown beside them."""
    world = World(Feed(Standing(FIRST, SECOND, NOW, misfit="policy 8 has another detector"), "the topic is silent"))
    shown = world.watch().shown
    assert shown is not None
    assert shown.number == 7
    assert shown.alarms == ("the topic is silent", "policy 8 has another detector")


def test_who_stopped_it_is_shown() -> None:
    """And why."""
    shown = World(Feed(Standing(FIRST, FIRST, NOW, stopped_by=order(Action.STOP, "dan")))).watch().shown
    assert shown is not None
    assert shown.halted == "stopped by dan: the test"


def test_nothing_is_shown_where_nothing_stands() -> None:
    """As in the first moments."""
    world = World()
    assert world.watch().shown is None
    assert world.watch().look([lane(0, 7)], 100.0)


def test_a_case_is_a_chain_of_its_own_in_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun and ended, by the supervisor, under the newest policy."""
    sink = MemorySink()
    monkeypatch.setattr(policy_watch, "producing", lambda *_: nullcontext())
    monkeypatch.setattr(policy_watch, "KafkaSink", lambda *_: sink)
    case = Case(Newest(8, "8" * 64), ("recogniser-1",), 4.0, is_over=False)
    tell_ledger(KafkaSettings(), "test", case)
    records = [parse_record(message.value) for message in sink.messages]
    assert [record.kind for record in records] == ["chain.begun", "policy.spread", "chain.ended"]
    told = records[1]
    assert (told.writer, told.deployment, told.policy_digest) == ("supervisor", "test", "8" * 64)
    assert told.body == {"number": 8, "digest": "8" * 64, "late": ["recogniser-1"], "ms": 4000}
    sink.acknowledges = False
    with pytest.raises(BrokerUnavailable):
        tell_ledger(KafkaSettings(), "test", case)


def test_what_ends_the_policy_and_which_cameras_it_watches_is_shown() -> None:
    """While it is halted none is watched, and the account of frames has a word for why."""
    standing = Standing(FIRST, FIRST, NOW)
    shown = World(Feed(standing)).watch().shown
    assert shown is not None
    policy = FIRST.in_force.policy
    assert shown.ends == {"end": policy.end.timestamp(), "review": policy.review_by.timestamp()}
    assert (shown.cameras, shown.halt_reason) == (dict.fromkeys(policy.cameras, True), None)
    stopped = World(Feed(replace(standing, stopped_by=order(Action.STOP, "dan")))).watch().shown
    assert stopped is not None
    assert (set(stopped.cameras.values()), stopped.halt_reason) == ({False}, "stopped")
    over = World(Feed(standing, latest=policy.end)).watch().shown
    assert over is not None
    assert (set(over.cameras.values()), over.halt_reason) == ({False}, "lapsed")


def test_a_canarys_camera_is_none_that_is_watched() -> None:
    """Its frames would hide that no other camera shows any, and their absence between two passages means nothing."""
    sought = policy_document()["watchlists"]["sought"]
    lists = {"sought": sought, "test": {**sought, "cameras": {}, "canary": "gate"}}
    release = approved(changed(7, watchlists=lists))
    shown = World(Feed(Standing(release, release, NOW))).watch().shown
    assert shown is not None
    assert list(shown.cameras) == [camera for camera in release.in_force.policy.cameras if camera != "gate"]


def test_how_long_things_are_kept_is_told_by_what_stands() -> None:
    """What was approved for a time only does not outlast it."""
    kept = json.loads(FIRST.in_force.canonical)["retention"]
    looser = changed(8, retention={**kept, "evidence": {"keep": "30 d", "roll": "1 h", "at_most": "31 d"}})
    world = World()
    watch = world.watch()
    assert watch.retention is None
    world.feed.standing = standing = Standing(release := loosening(looser, FIRST), release, NOW)
    world.feed.latest = SOON - timedelta(seconds=1)
    assert watch.retention == standing.release.in_force.policy.retention
    world.feed.latest = SOON
    assert watch.retention == FIRST.in_force.policy.retention
