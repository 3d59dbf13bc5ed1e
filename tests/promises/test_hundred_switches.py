"""A hundred switches under load, and a stop: four recognisers with threads of their own, over topics in memory."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import recogniser as recogniser_module
from cluster.account import Shed
from cluster.clocks import SystemClock
from cluster.ledger.settings_history import SettingsHistory
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemorySink
from cluster.plan import Plan, read_plan
from cluster.policies import feed as policy_feed
from cluster.policies.desk import whole_ms
from cluster.policies.in_force import policy_of
from cluster.policies.release import draft
from cluster.ports import Record
from cluster.privacy.evidence import EvidenceSink
from cluster.recogniser import Recogniser
from cluster.results import Outlets
from cluster.wire.ledger import LedgerRecord, parse_record
from cluster.wire.order import Action, Order, encode_order
from cluster.wire.release import Release, applied_body, encode_release
from cluster.wire.settings import APPLIED
from cluster.wire.text import parse_time
from operators.types import FrameRef
from tests.builders import EVIDENCE_KEY, FakeIndex, FakeVision, record
from tests.drawn import CAMERAS, write_deployment
from tests.waiting import PATIENCE_S

RECOGNISERS, SWITCHES, BAD, WAIT_S = 4, 100, 10, PATIENCE_S
MS = timedelta(milliseconds=1)
GONE_BY, NEWEST = 5, 50  # every fifth policy is left alone until somebody alerts by it, as the last alerts tell


class Topic(threading.Condition):
    """The policy topic."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []

    def write(self, value: bytes) -> None:
        """One more record, written now."""
        with self:
            at_ms = int(time.time() * 1000)
            self.records.append(Record(FrameRef("policy", 0, len(self.records)), b"drawn", value, {}, at_ms))
            self.notify_all()


@dataclass
class Reader:
    """Reads it from some offset on."""

    topic: Topic
    at: int

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """See `TopicReader`."""
        with self.topic:
            self.topic.wait_for(lambda: len(self.topic.records) > self.at, timeout_s)
            found = self.topic.records[self.at :]
            self.at += len(found)
            return found

    def is_current(self) -> bool:
        """See `TopicReader`."""
        return self.at == len(self.topic.records)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Street:
    """Frames of one camera, as fast as they are wanted; a listed person is in each."""

    slot: int
    offset: int = 0

    def poll(self, max_records: int, timeout_s: float, finished: Mapping[tuple[str, int], int]) -> Sequence[Record]:
        """See `FrameSource`."""
        time.sleep(0.005)
        self.offset += 1
        at_ms = int(time.time() * 1000)
        key = CAMERAS[self.slot].encode()
        return [record(b"anna", self.offset, self.slot, key=key, timestamp_ms=at_ms)]

    def hold(self, partitions: Collection[tuple[str, int]]) -> None:
        """See `FrameSource`."""

    def skip(self, partitions: Collection[tuple[str, int]], before_ms: int) -> Sequence[Any]:
        """See `FrameSource`: nothing is that old."""
        return []

    def committed(self, partition: tuple[str, int]) -> int | None:
        """See `FrameSource`."""
        return None

    def first(self, partition: tuple[str, int]) -> int:
        """See `FrameSource`."""
        return 0

    def is_caught_up(self) -> bool:
        """See `FrameSource`."""
        return False

    @property
    def keeps_results(self) -> bool:
        """See `FrameSource`."""
        return False

    def commit(self, next_offsets: Mapping[tuple[str, int], int]) -> None:
        """See `FrameSource`."""

    def lag(self) -> dict[int, int]:
        """See `KafkaFrameSource`."""
        return {self.slot: 0}


@dataclass
class World:
    """Topics in memory, and the recognisers that work on them."""

    plan: Plan
    policy: Topic = field(default_factory=Topic)
    alerts: MemorySink = field(default_factory=MemorySink)
    ledger: MemorySink = field(default_factory=MemorySink)
    lanes: list[Recogniser] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.desk = LedgerWriter(self.ledger, "drawn", "policy-desk", self.plan.in_force.digest, SystemClock())

    def start(self, slot: int) -> Recogniser:
        """A recogniser, made with the plan of the first day."""
        index: Any = FakeIndex()
        self.lanes.append(Recogniser(self.plan, slot, index, partial(self.failed.append, slot)))
        return self.lanes[-1]

    def deliver(self, *arguments: Any) -> Any:
        """As `open_delivery`."""
        slot, begin_chain = arguments[3], arguments[-2]
        evidence = EvidenceSink(MemorySink(), EVIDENCE_KEY)
        return Street(slot), Outlets(self.alerts, MemorySink(), begin_chain(self.ledger), evidence)

    def release(self, former: Release | None, number: int) -> Release:
        """The next policy: its threshold goes up and down."""
        document = {**json.loads(self.plan.in_force.canonical), "policy": number}
        document["watchlists"]["sought"]["threshold"] = round(0.82 + number * 37 % 100 / 2000, 4)
        found = draft(policy_of(document), former, "the test", whole_ms(datetime.now(UTC)), "the test")
        self.desk.write(APPLIED, applied_body(found))  # as the desk does, before anybody can go by it
        self.policy.write(encode_release(found))
        return found

    def told(self) -> list[dict[str, Any]]:
        """All alerts."""
        return [json.loads(message.value) for message in list(self.alerts.messages)]

    def has_told_by(self, number: int) -> bool:
        """Whether somebody was alerted about under this policy, the newest."""
        newest = list(self.alerts.messages)[-NEWEST:]
        return any(json.loads(message.value)["policy"]["number"] == number for message in newest)

    def of_kind(self, kind: str) -> list[LedgerRecord]:
        """The ledger's records of one kind."""
        return [record for record in self.records() if record.kind == kind]

    def records(self) -> list[LedgerRecord]:
        """The ledger."""
        return [parse_record(message.value) for message in list(self.ledger.messages)]

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait for something to become true."""
        end_s = time.monotonic() + WAIT_S
        while not until():
            assert time.monotonic() < end_s, [lane.status() for lane in self.lanes]
            assert self.failed == []
            time.sleep(0.005)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Four recognisers under policy 1, by which every frame alerts."""
    cluster = write_deployment(tmp_path)
    file = Path(cluster["policy"])
    policy = yaml.safe_load(file.read_text())
    policy["sightings"] |= {"passage_gap_ms": 1, "cool_down_s": 0}
    file.write_text(yaml.safe_dump(policy, allow_unicode=True))
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump({"cluster": "drawn", **cluster}, allow_unicode=True))
    found = World(read_plan(tmp_path / "cluster.yaml"))
    fakes: dict[str, Any] = {
        "open_vision": lambda _: FakeVision(),
        "open_topic": lambda _, first: Reader(found.policy, first),
        "open_delivery": found.deliver,
        "read_evidence_key": lambda _: EVIDENCE_KEY,
        "expel": lambda *_: 0,
    }
    monkeypatch.setattr(policy_feed, "POLL_S", 0.01)
    monkeypatch.setattr(recogniser_module, "POLL_S", 0.01)
    for name, fake in fakes.items():
        monkeypatch.setattr(recogniser_module, name, fake)
    for slot in range(RECOGNISERS):
        found.start(slot)
    yield found
    for lane in found.lanes:
        lane.close(WAIT_S)


def outermost(alerts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first and the last alert of each camera under each policy: those nearest to a switch."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for alert in sorted(alerts, key=lambda alert: str(alert["alerted_at"])):
        found.setdefault((alert["camera"], alert["policy"]["digest"]), []).append(alert)
    return [alert for group in found.values() for alert in (group[0], group[-1])]


def said_by_ledger(history: SettingsHistory, alert: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What decided before an alert's camera when it was alerted: number, digest, threshold, whether anything could.

    An alert has its time to the millisecond, and so has a switch: one within it may stand on either side.
    """
    camera, at = alert["camera"], parse_time(alert["alerted_at"])
    writer = f"recogniser-{CAMERAS.index(camera)}"
    found = [*history.of_camera(camera, at), *history.of_camera(camera, at - MS)]
    of_it = [each for each in found if writer in each.writers]
    return [(each.number, each.digest, each.thresholds[alert["watchlist"]], each.in_scope) for each in of_it]


def test_each_alert_agrees_with_the_policy_it_names(world: World) -> None:
    """And is written after its recogniser has acknowledged that; what must not be followed changes nothing.

    The ledger alone says of its camera and its time what it says; an alert with another's time is found.
    """
    newest = world.release(None, 1)
    released, bad = {1: newest}, []
    world.wait(lambda: len(world.told()) > 0)
    for number in range(2, 2 + SWITCHES):
        newest = released[number] = world.release(newest, number)
        if number % BAD == 0:
            bad.append(len(world.policy.records))
            whole = encode_release(draft(newest.in_force, newest, "x", newest.proposal.at, "x"))
            world.policy.write((b"rubbish", whole[: len(whole) // 2], encode_release(released[1]))[number // BAD % 3])
        if number % GONE_BY == 0:  # a batch that is superseded is judged by the next policy: some must not be
            world.wait(partial(world.has_told_by, number))
    expected = Counter((f"recogniser-{slot}", offset) for slot in range(RECOGNISERS) for offset in bad)
    world.wait(lambda: {lane.status().policy_digest for lane in world.lanes} == {newest.digest})
    world.wait(lambda: world.has_told_by(newest.number))
    world.wait(lambda: len(world.of_kind("policy.refused")) >= expected.total())
    alerts = world.told()  # before the records: a recogniser alerts by nothing of which the ledger does not know yet
    since: dict[tuple[str, str], datetime] = {}
    for told in world.of_kind("settings.in_force"):
        since.setdefault((told.writer, told.body["digest"]), told.at)
    for alert in alerts:
        by, camera = released[alert["policy"]["number"]], CAMERAS.index(alert["camera"])
        assert alert["policy"]["digest"] == by.digest
        assert alert["threshold"] == by.in_force.policy.watchlists["sought"].threshold
        assert since[f"recogniser-{camera}", by.digest] <= parse_time(alert["alerted_at"])
    assert len({alert["policy"]["number"] for alert in alerts}) >= SWITCHES / GONE_BY
    assert Counter((each.writer, each.body["offset"]) for each in world.of_kind("policy.refused")) == expected
    history, nearest = SettingsHistory.of(world.records()), outermost(alerts)
    for alert in nearest:
        said = said_by_ledger(history, alert)
        assert (alert["policy"]["number"], alert["policy"]["digest"], alert["threshold"], True) in said
    first, last = nearest[0], nearest[-1]
    strange = said_by_ledger(history, {**first, "alerted_at": last["alerted_at"]})
    assert strange
    assert first["policy"]["digest"] not in {digest for _, digest, _, _ in strange}


def has_heard(lane: Recogniser) -> bool:
    """Whether it has passed a frame over because of a stop: then it is done with every frame before."""
    shed: Any = lane.status().account["shed"]
    return shed.get(Shed.STOPPED, 0) > 0


def test_a_stop_is_followed_by_all_and_by_whoever_starts_anew(world: World) -> None:
    """Nothing alerts until somebody resumes; who starts anew begins with what stands, not with the plan."""
    newest = world.release(world.release(None, 1), 2)
    world.wait(lambda: len(world.told()) > 0)
    stop = Order("drawn", Action.STOP, "inspector 7", whole_ms(datetime.now(UTC)), "a test")
    world.policy.write(encode_order(stop))
    world.wait(lambda: {lane.status().state for lane in world.lanes} == {"stopped by inspector 7: a test"})
    world.wait(lambda: all(map(has_heard, world.lanes)))
    told = len(world.told())
    world.lanes.pop(0).close(WAIT_S)
    again = world.start(0)
    world.wait(lambda: has_heard(again))
    assert again.status().policy_digest == newest.digest
    assert len(world.told()) == told
    resume = Order("drawn", Action.RESUME, "inspector 7", whole_ms(datetime.now(UTC)), "it is over", stop.digest)
    world.policy.write(encode_order(resume))
    world.wait(lambda: {alert["camera"] for alert in world.told()[told:]} == set(CAMERAS[:RECOGNISERS]))
