import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.clocks import HandClock
from cluster.ledger.writer import LedgerWriter
from cluster.plan import read_plan
from cluster.policies import desk as policy_desk
from cluster.policies.book import PolicyBook
from cluster.policies.desk import PolicyDesk, plan_in_force, plan_now, read_book, renumbered, settle
from cluster.policies.in_force import policy_of
from cluster.policies.signatures import Role
from cluster.wire.ledger import LedgerRecord
from cluster.wire.order import Action, Order, encode_order
from cluster.wire.release import Release, encode_release, parse_release
from operators.errors import BrokerUnavailable, ReleaseReason, ReleaseRefused, SettingsRefused, TopicMissing
from operators.policy import Policy
from tests.builders import NOW, TOMORROW
from tests.cluster.policy_topic import Topics, in_memory
from tests.drawn import write_deployment
from tests.releases import (
    SIGNERS,
    SOON,
    approved,
    changed,
    damaged,
    in_topic,
    loosening,
    order,
    proposed,
    signed,
    threshold,
)

FIRST = approved(changed())
SECOND = loosening(changed(8, threshold(0.55)), FIRST)
SYNTHETIC = changed(people="synthetic")


class World:
    """A desk over topics in memory."""

    def __init__(self) -> None:
        self.topics = Topics()
        self.clock = HandClock(NOW)
        self.written_at: datetime | None = None
        writer = partial(LedgerWriter, self.topics.ledger, "test", "policy-desk", clock=self.clock)
        self.made: list[Policy] = []
        self.desk = PolicyDesk(
            self.read, self.topics.policy, lambda digest: writer(policy_digest=digest), self.clock, self.made.append
        )

    def read(self) -> PolicyBook:
        """What the topic says."""
        book = PolicyBook("test", SIGNERS)
        for record in self.topics.records():
            book.take(record, self.written_at or self.clock.now())
        return book


@pytest.fixture
def world() -> World:
    """Nothing written yet."""
    return World()


def reason(act: Any) -> ReleaseReason:
    """Why it is refused."""
    with pytest.raises(ReleaseRefused) as refused:
        act()
    return refused.value.reason


def test_a_policy_that_comes_into_force_is_in_the_ledger_whole_and_in_the_topic(world: World) -> None:
    """With who wanted it, why, and who signed."""
    world.desk.apply(FIRST)
    [message] = world.topics.policy.messages
    assert message.key == "test"
    assert parse_release(message.value) == FIRST
    [record] = world.topics.told("policy.applied")
    assert record.policy_digest == record.body["digest"] == FIRST.digest
    assert record.body["number"] == 7
    assert record.body["document"]["watchlists"]["sought"]["threshold"] == 0.6
    assert record.body["proposal"]["why"] == "the test"
    assert [each["by"] for each in record.body["signatures"]] == ["ada", "bob"]
    assert world.topics.told("chain.ended")


def test_what_may_not_come_into_force_is_written_nowhere(world: World) -> None:
    """Neither to the topic nor to the ledger."""
    assert reason(lambda: world.desk.apply(SECOND)) is ReleaseReason.NOT_THE_SUCCESSOR
    assert reason(lambda: world.desk.apply(proposed(changed()))) is ReleaseReason.UNSIGNED
    world.clock.time = FIRST.in_force.policy.end
    with pytest.raises(SettingsRefused, match="ended at"):
        world.desk.apply(FIRST)
    assert world.topics == Topics()


def test_topics_are_made_as_a_policy_asks_once_it_may_come_into_force(world: World) -> None:
    """One that nobody has approved says nothing about how long anything is kept."""
    for release in (SECOND, proposed(changed())):
        with pytest.raises(ReleaseRefused):
            world.desk.apply(release)
    assert world.made == []
    world.desk.apply(FIRST)
    assert world.made == [FIRST.in_force.policy]


def test_a_loosening_whose_time_is_over_is_not_applied(world: World) -> None:
    """It would stop all alerting at once."""
    world.desk.apply(FIRST)
    world.clock.time = SOON
    assert reason(lambda: world.desk.apply(SECOND)) is ReleaseReason.EXPIRED
    assert len(world.topics.policy.messages) == 1


def test_nothing_comes_into_force_that_the_ledger_does_not_have(world: World) -> None:
    """A ledger that does not acknowledge is as good as none."""
    world.topics.ledger.acknowledges = False
    with pytest.raises(BrokerUnavailable):
        world.desk.apply(FIRST)
    assert world.topics.policy.messages == []


def test_of_two_at_the_same_moment_one_comes_into_force_and_the_other_is_told(world: World) -> None:
    """Both were right when they were checked."""
    other = approved(changed(8))
    write = world.topics.policy.send

    class Late:
        def send(self, *about: Any, **more: Any) -> Any:
            write("test", encode_release(other), [])
            return write(*about, **more)

    late = replace(world.desk, policy=Late())  # type: ignore[arg-type]
    assert reason(lambda: late.apply(FIRST)) is ReleaseReason.REPLAYED
    assert world.read().in_force == other


def test_whoever_writes_with_a_clock_that_is_ahead_is_told_that_nobody_follows(world: World) -> None:
    """Every process goes by the broker's clock."""
    world.written_at = NOW - timedelta(minutes=2)
    assert reason(lambda: world.desk.apply(FIRST)) is ReleaseReason.CLOCK
    world.written_at = None
    stop = order(Action.STOP, "dan")
    world.desk.order(stop)
    world.written_at = NOW - timedelta(minutes=2)
    assert reason(lambda: world.desk.order(order(Action.RESUME, "dan", "bob", ends=stop))) is ReleaseReason.CLOCK
    assert world.read().stopped_by == stop


def test_of_two_orders_at_the_same_moment_the_second_is_told(world: World) -> None:
    """A stop that nobody follows must not pass for one that is followed."""
    stop = order(Action.STOP, "dan")
    write = world.topics.policy.send

    class Late:
        def send(self, *about: Any, **more: Any) -> Any:
            write("test", encode_order(order(Action.STOP, "dan", at=NOW + timedelta(seconds=1))), [])
            return write(*about, **more)

    late = replace(world.desk, policy=Late())  # type: ignore[arg-type]
    assert reason(lambda: late.order(stop)) is ReleaseReason.REPLAYED


def test_what_was_followed_for_a_moment_was_followed(world: World) -> None:
    """Somebody else may have gone on from it already."""
    write, stop = world.topics.policy.send, order(Action.STOP, "dan")
    next_one = [encode_release(approved(changed(8), FIRST)), encode_order(order(Action.STOP, "dan", at=TOMORROW))]

    class Early:
        def send(self, *about: Any, **more: Any) -> Any:
            delivery = write(*about, **more)
            write("test", next_one.pop(0), [])
            return delivery

    early = replace(world.desk, policy=Early())  # type: ignore[arg-type]
    early.apply(FIRST)
    early.order(stop)
    assert world.read().in_force == approved(changed(8), FIRST)
    assert world.read().refused == []


def test_a_stop_is_in_the_topic_whatever_the_ledger_does_and_a_resume_waits_for_it(world: World) -> None:
    """The safe side waits for nothing."""
    world.desk.apply(FIRST)
    stop = order(Action.STOP, "dan")
    world.topics.ledger.acknowledges = False
    with pytest.raises(BrokerUnavailable, match="it is stopped; the ledger does not have it yet"):
        world.desk.order(stop)
    assert world.read().stopped_by == stop
    resume = order(Action.RESUME, "dan", "bob", ends=stop)
    with pytest.raises(BrokerUnavailable):
        world.desk.order(resume)
    assert world.read().stopped_by == stop
    world.topics.ledger.acknowledges = True
    world.desk.order(resume)
    assert world.read().stopped_by is None
    record = world.topics.told("order.resume")[-1]
    assert record.body["by"] == "dan"
    assert record.body["why"] == "the test"
    assert record.body["ends"] == stop.digest
    assert reason(lambda: world.desk.order(resume)) is ReleaseReason.NOT_STOPPED


def test_an_order_whose_topic_cannot_be_read_back_is_in_the_ledger_and_said_to_stand(world: World) -> None:
    """A broker that goes away behind a stop must leave nobody in doubt whether it is one."""
    world.desk.apply(FIRST)
    world.topics.policy.send("test", b"half a", [])
    reads: list[PolicyBook] = []

    def once() -> PolicyBook:
        if reads:
            raise BrokerUnavailable("gone")
        reads.append(world.read())
        return reads[0]

    def given(each: Order, words: str) -> None:
        reads.clear()
        with pytest.raises(BrokerUnavailable, match=words):
            replace(world.desk, read=once).order(each)

    stop = order(Action.STOP, "dan")
    given(stop, "^it is stopped; the policy topic cannot be read back: gone$")
    assert world.read().stopped_by == stop
    [told] = world.topics.told("order.stop")
    assert told.body["by"] == "dan"
    assert [each.body["offset"] for each in world.topics.told("policy.refused")] == [1]
    assert world.topics.told("chain.ended")[-1].chain == told.chain
    given(order(Action.RESUME, "dan", "bob", ends=stop), "^the order to resume is written; the policy topic cannot be")
    assert world.read().stopped_by is None
    world.topics.ledger.acknowledges = False
    later = order(Action.STOP, "dan", at=NOW + timedelta(seconds=1))
    given(later, "^it is stopped; the policy topic cannot be read back: gone; the ledger does not have it yet")


def test_what_is_refused_before_something_good_is_told_of_once_by_whoever_writes_that(world: World) -> None:
    """A process that starts later passes it over, and perhaps none was there when it came."""
    write = world.topics.policy.send

    def told() -> list[tuple[int, str, int | None]]:
        return [(each.body["offset"], each.body["reason"], each.body["number"]) for each in refused()]

    def refused() -> list[LedgerRecord]:
        return world.topics.told("policy.refused")

    write("test", b"half a", [])
    world.desk.apply(FIRST)
    assert told() == [(0, "malformed", None)]
    write("test", encode_release(FIRST), [])
    write("other", b"not ours", [])
    write("test", b"half a", [])
    assert len(told()) == 1
    stop = order(Action.STOP, "dan")
    world.desk.order(stop)
    assert told()[1:] == [(2, "replayed", 7), (4, "malformed", None)]
    world.desk.order(order(Action.RESUME, "dan", "bob", ends=stop, at=NOW + timedelta(seconds=1)))
    world.desk.apply(SECOND)
    assert len(told()) == 3
    assert not any("half" in str(each.body) for each in refused())


def test_what_came_between_is_told_of_too(world: World) -> None:
    """It was not there when the desk looked; what stands behind is for the processes that follow."""
    write = world.topics.policy.send

    class Between:
        def send(self, *about: Any, **more: Any) -> Any:
            write("test", b"before", [])
            delivery = write(*about, **more)
            write("test", b"behind", [])
            return delivery

    replace(world.desk, policy=Between()).apply(FIRST)  # type: ignore[arg-type]
    assert [each.body["offset"] for each in world.topics.told("policy.refused")] == [0]


def book(*releases: Release) -> PolicyBook:
    """With these in force, one after the other."""
    return PolicyBook("test", SIGNERS, dict(enumerate(releases)))


def test_a_start_from_a_file_is_refused_beside_a_deployment_that_has_signed_policies() -> None:
    """Nobody signs for people who do not exist, but a new name must not be the way past those who did."""
    assert settle(SYNTHETIC, book(), NOW).proposal.by == "beholden up"
    beside = replace(book(), beside="street")
    with pytest.raises(ReleaseRefused, match="has policies of street") as refused:
        settle(SYNTHETIC, beside, NOW)
    assert refused.value.reason is ReleaseReason.UNSIGNED
    both = signed(proposed(SYNTHETIC), ada=Role.PROPOSE, bob=Role.APPROVE)
    assert settle(both, beside, NOW) == both


def test_a_start_goes_by_the_newer_of_file_and_topic() -> None:
    """The topic's is newer when somebody has applied one since."""
    assert settle(FIRST, book(), NOW) == FIRST
    assert settle(FIRST.in_force, book(FIRST), NOW) == FIRST
    assert settle(FIRST.in_force, book(FIRST, SECOND), NOW) == SECOND
    assert settle(FIRST, book(FIRST, SECOND), NOW) == SECOND
    assert settle(SECOND, book(FIRST), NOW) == SECOND
    assert settle(changed(6), book(FIRST), NOW) == FIRST


def test_a_file_alone_releases_only_policies_for_people_who_do_not_exist() -> None:
    """Without signatures, and the release says so."""
    release = settle(SYNTHETIC, book(), NOW + timedelta(microseconds=1234))
    assert release.in_force == SYNTHETIC
    assert release.signatures == ()
    assert release.proposal.by == "beholden up"
    assert release.proposal.at == NOW + timedelta(milliseconds=1)
    assert reason(lambda: settle(changed(), book(), NOW)) is ReleaseReason.UNSIGNED
    assert reason(lambda: settle(changed(8), book(FIRST), NOW)) is ReleaseReason.UNSIGNED
    assert reason(lambda: settle(changed(8, people="synthetic"), book(FIRST), NOW)) is ReleaseReason.UNSIGNED
    one_signed = signed(proposed(changed()), ada=Role.PROPOSE)
    assert reason(lambda: settle(one_signed, book(), NOW)) is ReleaseReason.NOT_APPROVED


def test_a_number_that_says_something_else_now_is_refused() -> None:
    """Also when a newer one is in force."""
    edited = changed(7, threshold(0.65))
    for there in (book(FIRST), book(FIRST, SECOND)):
        assert reason(partial(settle, edited, there, NOW)) is ReleaseReason.NUMBER_REUSED


def test_what_cannot_be_read_any_more_is_named_where_a_start_is_refused_and_keeps_its_number() -> None:
    """Whoever starts after an upgrade learns why a signature is wanted that was not before, or another number."""
    was = replace(book(), unread={0: 7, 1: 9})
    for own in (changed(8), changed(8, people="synthetic")):
        with pytest.raises(ReleaseRefused, match=r"2 releases of test that cannot be read.* \(up to policy 9\)"):
            settle(own, was, NOW)
    for own in (FIRST, changed(9, people="synthetic")):
        with pytest.raises(ReleaseRefused, match=r"is taken: .*; take a number above 9") as refused:
            settle(own, was, NOW)
        assert refused.value.reason is ReleaseReason.NUMBER_REUSED
    since = approved(changed(10))
    assert settle(since, was, NOW) == since
    assert settle(FIRST, replace(book(FIRST), unread={0: 7}), NOW) == FIRST


def test_a_number_that_cannot_be_read_any_more_is_not_applied_again(world: World) -> None:
    """Two documents of one number could not be told apart in alerts."""
    world.topics.policy.send("test", damaged(encode_release(FIRST), form="beholden.policy.v1"), [])
    assert reason(lambda: world.desk.apply(FIRST)) is ReleaseReason.NUMBER_REUSED
    assert len(world.topics.policy.messages) == 1
    world.desk.apply(approved(changed(8)))
    assert world.read().in_force == approved(changed(8))


def test_people_are_listed_under_the_policy_that_is_in_force(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also if the cluster file names an older one; and never under one that may not come into force."""
    topics, file = in_memory(monkeypatch), tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    plan = read_plan(file)
    assert plan_in_force(plan).in_force == plan.in_force
    first = proposed(plan.in_force)
    newer = proposed(renumbered(plan.in_force, 5), first)
    for release in (first, newer):
        topics.policy.send("drawn", encode_release(release), [])
    assert plan_in_force(plan).release == newer
    edited = json.loads(plan.in_force.canonical) | {"purpose": "Another."}
    assert reason(lambda: plan_in_force(replace(plan, in_force=policy_of(edited)))) is ReleaseReason.NUMBER_REUSED


def test_before_the_first_policy_there_is_no_topic_and_none_in_force(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A Kafka that does not answer says nothing of the kind."""
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    plan = read_plan(file)

    def fails(error: Exception) -> None:
        def read(*_: Any) -> Any:
            raise error

        monkeypatch.setattr(policy_desk, "read_topic", read)

    fails(TopicMissing("none"))
    assert read_book(plan.settings, "drawn").in_force is None
    assert plan_now(plan) == plan
    fails(BrokerUnavailable("gone"))
    for act in (partial(read_book, plan.settings, "drawn"), partial(plan_now, plan)):
        with pytest.raises(BrokerUnavailable, match="gone"):
            act()


def test_a_record_from_outside_the_calendar_keeps_nobody_from_reading_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is refused, as every process refuses it."""
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    settings = replace(read_plan(file).settings, people=SIGNERS)
    release = encode_release(approved(changed(7)))
    records = [replace(in_topic(release), timestamp_ms=10**18), in_topic(release, 1)]
    monkeypatch.setattr(policy_desk, "read_topic", lambda *_: records)
    book = read_book(settings, "test")
    assert ([each.reason for each in book.refused], list(book.releases)) == ([ReleaseReason.CLOCK], [1])


def test_a_policy_under_another_number_says_the_same() -> None:
    """As going back needs it."""
    again = renumbered(FIRST.in_force, 9)
    assert again == changed(9)
