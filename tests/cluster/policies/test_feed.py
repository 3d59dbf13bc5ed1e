"""Following the policy topic, over a topic in memory; the feed's thread is the test's, and its clock stands still."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from cluster.account import Shed
from cluster.clocks import HandClock
from cluster.kafka.reader import OffsetsUnknown
from cluster.kafka_settings import KafkaSettings
from cluster.policies import feed as policy_feed
from cluster.policies.feed import ASK_S, CERTAIN_S, PolicyFeed, open_topic
from cluster.policies.signatures import Role
from cluster.policies.state import PolicyState
from cluster.ports import Record
from cluster.wire.order import Action, encode_order
from cluster.wire.release import Release, encode_release
from operators.errors import BrokerUnavailable, PolicyUnknown
from operators.hours import WEEKDAYS
from tests.builders import NOW
from tests.releases import SIGNERS, approved, changed, in_topic, loosening, order, proposed, signed, threshold

FIRST = approved(changed(7))
SECOND = signed(proposed(changed(8, threshold(0.7)), FIRST), ada=Role.PROPOSE)
STOP = order(Action.STOP, "dan")


@dataclass
class Topic:
    """The policy topic, and what happens to whoever reads it: one step for each poll, then the feed is stopped.

    Attributes:
        records: What is in it; a reader is given one for each poll.
        steps: What happens at each poll.
        now_s: The time.
        opened: From which offsets it was read.
        answers: Whether the broker says where it ends.
        of_others: Offsets of records of another deployment.
        clock: What the machine's clock shows.
        dated: When Kafka wrote a record, by offset; now, where nothing is said.
    """

    records: list[bytes] = field(default_factory=list)
    steps: list[Callable[[], object]] = field(default_factory=list)
    now_s: float = 1000.0
    opened: list[int] = field(default_factory=list)
    answers: bool = True
    of_others: frozenset[int] = frozenset()
    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    dated: dict[int, datetime] = field(default_factory=dict)
    feed: PolicyFeed | None = None
    at: int = 0

    def open(self, first: int) -> "Topic":
        """Read it from there on."""
        self.opened.append(first)
        self.at = first
        return self

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """The next record, after the next step."""
        assert self.feed is not None
        if not self.steps:
            self.feed._stopping.set()
            return []
        self.steps.pop(0)()
        self.now_s += ASK_S
        keys = ["other" if at in self.of_others else "test" for at in range(len(self.records))]
        found = [in_topic(self.records[at], at, keys[at]) for at in range(self.at, min(self.at + 1, len(self.records)))]
        self.at += len(found)
        return [replace(each, timestamp_ms=self._ms(each.ref.offset)) for each in found]

    def _ms(self, offset: int) -> int:
        return int(self.dated.get(offset, NOW).timestamp() * 1000)

    def is_current(self) -> bool:
        """See `TopicReader`."""
        if not self.answers:
            raise BrokerUnavailable("no answer")
        return self.at == len(self.records)

    def close(self) -> None:
        """Nothing is open."""

    def monotonic(self) -> float:
        """As `time`."""
        return self.now_s


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    """An empty one, and a feed that does not follow it yet."""
    found = Topic()
    monkeypatch.setattr(policy_feed, "time", found)
    run = PolicyFeed._run
    monkeypatch.setattr(PolicyFeed, "_run", lambda _: None)
    state = PolicyState("test", SIGNERS, lambda _: None)
    found.feed = PolicyFeed(found.open, state, found.clock, gives_up=lambda: True)
    monkeypatch.setattr(PolicyFeed, "_run", run)
    monkeypatch.setattr(found.feed._stopping, "wait", lambda _: None)
    return found


def follow(topic: Topic, *steps: Callable[[], object]) -> PolicyFeed:
    """Follow it while these things happen."""
    assert topic.feed is not None
    topic.feed._stopping.clear()
    topic.steps = list(steps)
    topic.feed._run()
    return topic.feed


def nothing() -> None:
    """Nothing happens."""


def test_nothing_stands_before_the_whole_topic_is_read(topic: Topic) -> None:
    """What was in force once must not decide for a moment."""
    topic.records = [encode_release(FIRST), encode_release(SECOND)]
    stood: list[Any] = []
    feed = topic.feed
    assert feed is not None
    follow(topic, *(lambda: stood.append(feed.standing) for _ in range(3)))
    assert stood[:2] == [None, None]
    assert stood[2] is not None
    assert feed.wait().release == SECOND
    assert feed.trouble is None


def test_what_comes_later_stands_at_once(topic: Topic) -> None:
    """A release, and an order to stop."""
    topic.records = [encode_release(FIRST)]
    feed = follow(topic, nothing, lambda: topic.records.append(encode_release(SECOND)))
    assert feed.wait().release == SECOND
    assert feed.halting(SECOND.digest) is None
    follow(topic, lambda: topic.records.append(encode_order(STOP)))
    halt = feed.halting(SECOND.digest)
    assert halt is not None
    assert halt.why == "stopped by dan: the test"


def test_where_records_come_all_the_time_it_is_certain_nevertheless(topic: Topic) -> None:
    """What had come by the time the broker was asked is taken in; an answer comes behind the records after it."""
    topic.records = [encode_release(FIRST), *[b"rubbish"] * 20]
    ends: list[int] = []

    def is_current() -> bool:
        """As `TopicReader` says it, of a topic that is always two records ahead."""
        ends[:] = ends or [topic.at + 2]
        if topic.at < ends[0]:
            return False
        ends.clear()
        return True

    topic.is_current = is_current  # type: ignore[method-assign]
    feed = follow(topic, *[nothing] * 15)
    assert feed.wait().release == FIRST
    assert feed.trouble is None


def test_while_the_broker_is_silent_nobody_goes_on(topic: Topic) -> None:
    """Somebody may have said stop; what was known before is not said again until it is certain."""
    topic.records = [encode_release(FIRST)]
    feed = follow(topic, nothing)
    topic.answers = False
    topic.now_s += CERTAIN_S - ASK_S
    assert feed.wait().release == FIRST
    topic.now_s += 2 * ASK_S
    with pytest.raises(PolicyUnknown, match="has not answered for 3 s: nothing is looked at until it does"):
        feed.halting(FIRST.digest)
    topic.answers = True
    follow(topic, nothing)
    assert feed.halting(FIRST.digest) is None


MINUTE = timedelta(minutes=1)
LATER = f"{NOW + 5 * MINUTE:%Y-%m-%dT%H:%M:%SZ}"
ENDING = {
    "loosening": loosening(changed(8, threshold(0.5)), FIRST, expires_at=NOW + 5 * MINUTE),
    "end": signed(proposed(changed(8, threshold(0.7), end=LATER, review_by=LATER), FIRST), ada=Role.PROPOSE),
    "review": signed(proposed(changed(8, threshold(0.7), review_by=LATER), FIRST), ada=Role.PROPOSE),
}


def lapsed(feed: PolicyFeed, release: Release) -> bool:
    """Whether this policy's time is over."""
    halt = feed.halting(release.digest)
    return halt is not None and halt.reason is Shed.LAPSED


@pytest.mark.parametrize("release", ENDING.values(), ids=ENDING)
def test_a_clock_that_is_set_back_revives_nothing(topic: Topic, release: Release) -> None:
    """What is over stays over, whether a frame was there to ask about it or not."""
    topic.records = [encode_release(FIRST), encode_release(release)]
    feed = follow(topic, nothing, nothing)
    assert not lapsed(feed, release)
    topic.clock.time = NOW + 5 * MINUTE
    follow(topic, nothing)
    topic.clock.time = NOW
    assert lapsed(feed, release)
    assert feed.latest == NOW + 5 * MINUTE


@pytest.mark.parametrize("release", ENDING.values(), ids=ENDING)
def test_a_clock_that_was_always_behind_is_corrected_by_kafkas(topic: Topic, release: Release) -> None:
    """As far as the topic's records say: anybody's."""
    topic.records, topic.of_others = [encode_release(FIRST), encode_release(release), b"other"], frozenset([2])
    topic.dated = {2: NOW + 5 * MINUTE - timedelta(seconds=1)}
    feed = follow(topic, nothing, nothing, nothing)
    assert not lapsed(feed, release)
    topic.records.append(b"rubbish")
    topic.dated[3] = NOW + 5 * MINUTE
    follow(topic, nothing)
    assert lapsed(feed, release)


def test_hours_and_a_start_go_by_the_clock_as_it_is(topic: Topic) -> None:
    """A clock that ran ahead for a moment must not open the hours that it showed."""
    hours = {"zone": "Europe/London", "windows": {day: ["13:00-14:00"] for day in WEEKDAYS}}
    release = signed(proposed(changed(8, threshold(0.7), hours=hours), FIRST), ada=Role.PROPOSE)
    topic.records = [encode_release(FIRST), encode_release(release)]
    feed = follow(topic, nothing, nothing)
    topic.clock.time = NOW + 60 * MINUTE
    assert feed.halting(release.digest) is None
    topic.clock.time = NOW
    halt = feed.halting(release.digest)
    assert halt is not None
    assert halt.reason is Shed.OUT_OF_HOURS


def test_a_new_connection_reads_on_where_the_last_one_ended(topic: Topic) -> None:
    """Nothing is judged twice, and nothing that stood is given up."""
    topic.records = [encode_release(FIRST), b"rubbish"]

    def fail() -> None:
        raise BrokerUnavailable("away")

    feed = follow(topic, nothing, nothing, fail, nothing)
    assert topic.opened == [0, 2]
    assert [refusal.offset for refusal in feed.refusals()] == [1]
    assert feed.standing is not None


def test_a_topic_that_has_lost_what_was_read_is_not_followed(topic: Topic) -> None:
    """It is another one; who stands in it may be anybody."""
    topic.records = [encode_release(FIRST)]
    feed = follow(topic, nothing)

    def lost(first: int) -> Topic:
        topic.now_s += CERTAIN_S
        assert topic.feed is not None
        topic.feed._stopping.set()
        raise BrokerUnavailable(f"policy-0 ends at 0, before the {first} asked for")

    feed._open = lost
    follow(topic)
    assert feed.trouble == "the policy topic cannot be followed: policy-0 ends at 0, before the 1 asked for"
    with pytest.raises(PolicyUnknown, match="ends at 0"):
        feed.wait()


def test_the_message_of_a_topic_that_has_lost_records_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it is read from where it was left, or from its beginning."""
    asked: list[Any] = []

    def read(*_: Any, since: Any, **__: Any) -> None:
        asked.append(since)
        if since:
            raise OffsetsUnknown("policy-0 ends at 0, before the 5 asked for")

    monkeypatch.setattr(policy_feed, "TopicReader", read)
    open_topic(KafkaSettings(), 0)
    with pytest.raises(BrokerUnavailable, match=r"ends at 0.*policies are lost.*'beholden down', then 'beholden up'"):
        open_topic(KafkaSettings(), 5)
    assert asked == [{}, {0: 5}]


def test_what_is_refused_is_told_of_once_and_what_others_told_of_is_not(topic: Topic) -> None:
    """Of the records that were there at the start: those behind the last good one."""
    topic.records = [b"old", encode_release(FIRST), b"behind", b"it"]
    feed = follow(topic, *[nothing] * 4)
    assert [refusal.offset for refusal in feed.refusals()] == [2, 3]
    assert feed.refusals() == []
    topic.records += [b"new", encode_release(SECOND)]
    follow(topic, nothing, nothing)
    assert [refusal.offset for refusal in feed.refusals()] == [4]


def test_what_others_write_does_not_hide_what_is_refused(topic: Topic) -> None:
    """A record of another deployment is no good one of ours."""
    topic.records, topic.of_others = [encode_release(FIRST), b"behind", encode_release(FIRST)], frozenset([2])
    assert [refusal.offset for refusal in follow(topic, *[nothing] * 3).refusals()] == [1]


def test_without_a_policy_nobody_is_looked_for(topic: Topic) -> None:
    """It says what to do."""
    feed = follow(topic, nothing)
    assert feed.trouble == "no policy of test is in force: 'beholden policy apply' puts one in force"
    with pytest.raises(PolicyUnknown):
        feed.wait()


def test_whoever_waits_is_told_when_it_is_certain() -> None:
    """With its own thread and the real clock; once it is closed nobody waits."""
    there = threading.Event()

    class Slow(Topic):
        """Has nothing for a while."""

        def poll(self, timeout_s: float) -> Sequence[Record]:
            """Until it is there."""
            there.wait(timeout_s)
            found: list[Release] = [FIRST] if there.is_set() and not self.at else []
            self.at += len(found)
            return [in_topic(encode_release(each)) for each in found]

        def is_current(self) -> bool:
            """Once it was there."""
            return self.at == 1

    feed = PolicyFeed(Slow().open, PolicyState("test", SIGNERS, lambda _: None), HandClock(NOW))
    threading.Timer(0.05, there.set).start()
    assert feed.wait().release == FIRST
    feed.close()
    feed._certain_until_s = 0.0
    with pytest.raises(PolicyUnknown):
        feed.wait()
