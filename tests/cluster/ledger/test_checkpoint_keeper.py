"""Who writes checkpoints of a running cluster, over topics in memory; its thread is run by hand."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.clocks import HandClock
from cluster.kafka.topics import LEDGER, LEDGER_HEADS
from cluster.ledger import checkpoint_keeper
from cluster.ledger.checkpoint_keeper import CheckpointKeeper, last_checkpoint, ready_key
from cluster.ledger.checkpoint_key import make_checkpoint_key, read_checkpoint_key
from cluster.ledger.verify import Verifier
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemorySink
from cluster.plan import Plan
from cluster.ports import Record
from cluster.settings import LedgerSettings
from cluster.wire.checkpoints import anchor_of
from cluster.wire.ledger import parse_record
from operators.errors import BrokerUnavailable, SettingsRefused
from operators.types import FrameRef
from tests.builders import NOW


class World:
    """Kafka, as far as a keeper knows it.

    Attributes:
        topics: What was written.
        then: What happens while it waits for records, one after the other; then it is closed.
        keeper: The keeper.
    """

    def __init__(self, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
        self.topics = {LEDGER: MemorySink(), LEDGER_HEADS: MemorySink()}
        self.then: list[Callable[[], object]] = []
        self.sinces: list[dict[int, int]] = []
        self.now_s = 1000.0
        self.plan = plan
        world = self

        class Reader:
            """As `TopicReader`."""

            def __init__(
                self, _: Any, topic: str, *__: Any, from_beginning: bool, since: Any = None, fetch_max_wait_ms: int = 0
            ) -> None:
                self._values = world.topics[topic].messages
                self.ends = {0: len(self._values)}
                self._next = (since or {}).get(0, 0) if from_beginning else self.ends[0]
                world.sinces.append(since or {})

            def poll(self, _: float) -> list[Record]:
                """What is new; when nothing is, the next thing happens."""
                values = self._values[self._next :]
                if not values and self.is_caught_up():
                    world.wait()
                records = [
                    Record(FrameRef("ledger", 0, self._next + at), None, each.value, {}, 0)
                    for at, each in enumerate(values)
                ]
                self._next += len(values)
                return records

            def is_caught_up(self) -> bool:
                """Whether all that was there is read."""
                return self._next >= self.ends[0]

            def close(self) -> None:
                """Nothing to let go of."""

        fakes = {"TopicReader": Reader, "producing": lambda *_: nullcontext()}
        fakes |= {"KafkaSink": lambda _, __, topic: self.topics[topic], "LOOK_BACK": 3}
        for name, fake in fakes.items():
            monkeypatch.setattr(checkpoint_keeper, name, fake)
        monkeypatch.setattr(checkpoint_keeper.time, "monotonic", lambda: self.now_s)
        monkeypatch.setattr(checkpoint_keeper.threading.Thread, "start", lambda _: None)
        self.keeper = CheckpointKeeper(plan)

    def wait(self) -> None:
        """Something happens, or it is closed."""
        if self.then:
            self.then.pop(0)()
        else:
            self.keeper._deadline_s = self.now_s + 10
            self.keeper._closing.set()

    def write(self, count: int = 1) -> None:
        """Records of a recogniser."""
        deployment = self.plan.in_force.policy.deployment
        ledger = LedgerWriter(self.topics[LEDGER], deployment, "recogniser-0", "d" * 64, HandClock(NOW))
        for _ in range(count):
            ledger.write("frames.shed", {})

    def run(self) -> None:
        """To its end; then it could begin anew."""
        self.keeper._run()
        self.keeper._closing.clear()

    def kinds(self) -> list[str]:
        """Types of all records of the ledger."""
        return [parse_record(each.value).kind for each in self.topics[LEDGER].messages]

    def faults(self) -> list[object]:
        """What is wrong with it."""
        key = read_checkpoint_key(self.plan.settings.key_folder).public_key().public_bytes_raw()
        anchors = [anchor_of(json.loads(each.value)) for each in self.topics[LEDGER_HEADS].messages]
        verifier = Verifier(self.plan.in_force.policy.deployment, (key,), anchors)
        values = enumerate(each.value for each in self.topics[LEDGER].messages)
        found = [fault for offset, value in values for fault in verifier.take(offset, value)]
        return [*found, *verifier.end(), *(["none anchored"] if anchors and not verifier.anchored else [])]


@pytest.fixture
def plan(drawn: Plan, tmp_path: Path) -> Plan:
    """With a key, and a file for anchors."""
    settings = replace(drawn.settings, keys=tmp_path / "keys", ledger=LedgerSettings(60, 5, tmp_path / "anchors"))
    make_checkpoint_key(tmp_path / "keys")
    return replace(drawn, settings=settings)


@pytest.fixture
def world(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> World:
    """A keeper that has not begun."""
    return World(plan, monkeypatch)


def test_it_covers_what_is_there_when_it_begins_and_when_it_is_closed(world: World, plan: Plan) -> None:
    """And publishes each checkpoint twice over, outside the ledger."""
    world.write()
    world.then = [world.write]
    world.run()
    assert [kind for kind in world.kinds() if kind == "checkpoint"] == ["checkpoint"] * 2
    assert world.kinds()[-1] == "chain.ended"
    assert world.faults() == []
    anchor_file = plan.settings.ledger.anchor_file
    assert anchor_file is not None
    sealed = [parse_record(each.value) for each in world.topics[LEDGER].messages if b'"checkpoint"' in each.value]
    assert [each.policy_digest for each in sealed] == ["d" * 64] * 2  # as what they cover, whatever the plan says
    lines = anchor_file.read_bytes().splitlines()
    assert lines == [each.value for each in world.topics[LEDGER_HEADS].messages]
    assert [json.loads(line)["number"] for line in lines] == [0, 1]
    assert world.keeper.state.startswith("checkpoint 1 at ")


def test_a_checkpoint_is_due_after_a_time_or_a_number_of_records(world: World) -> None:
    """Whichever comes first; not for each record."""
    seen: list[int] = []

    def look() -> None:
        seen.append(world.kinds().count("checkpoint"))

    def later() -> None:
        world.now_s += 61

    world.write()
    world.then = [look, world.write, look, later, look, lambda: world.write(5), look]
    world.run()
    assert seen == [1, 1, 2, 3]
    assert world.faults() == []


def test_whoever_comes_next_reads_from_the_last_checkpoint_on(world: World) -> None:
    """It is looked for from the end, farther back each time."""
    world.write(9)
    world.run()
    world.write(40)
    before = len(world.sinces)
    world.run()
    assert world.sinces[before:][-1] == {0: 10}
    assert world.faults() == []
    assert world.keeper.state.endswith(" 0 records behind")


def test_without_a_key_it_says_so_and_tries_again(world: World, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are looked at nevertheless: the ledger itself can be written."""
    states: list[str] = []

    def wait(_: float) -> None:
        states.append(world.keeper.state)
        world.keeper._closing.set()

    monkeypatch.setattr(world.keeper._closing, "wait", wait)
    (plan.settings.key_folder / "checkpoints.key").unlink()
    world.run()
    assert "no checkpoint is written" in states[0]
    assert "'beholden up' makes the keys" in states[0]


def test_an_anchor_file_that_cannot_be_written_is_told_of(world: World, plan: Plan, monkeypatch: Any) -> None:
    """The checkpoint stands in the ledger and in the topic."""
    states: list[str] = []

    def wait(_: float) -> None:
        states.append(world.keeper.state)
        world.keeper._closing.set()

    monkeypatch.setattr(world.keeper._closing, "wait", wait)
    assert plan.settings.ledger.anchor_file is not None
    plan.settings.ledger.anchor_file.mkdir()
    world.write()
    world.run()
    assert "ledger.anchor_file" in states[0]
    assert "make it writable or name another" in states[0]
    assert len(world.topics[LEDGER_HEADS].messages) == 1


def test_a_broker_that_goes_away_ends_a_chain_and_nothing_else(world: World, monkeypatch: Any) -> None:
    """The next checkpoint is in another chain, with the next number, and names the one before."""
    monkeypatch.setattr(world.keeper._closing, "wait", lambda _: None)

    def away() -> None:
        raise BrokerUnavailable("away")

    world.write()
    world.then = [away, world.write]
    world.run()
    assert world.faults() == []
    assert world.kinds().count("checkpoint") == 2
    begun = [parse_record(each.value) for each in world.topics[LEDGER].messages if b"chain.begun" in each.value]
    own = [each for each in begun if each.writer == "checkpoints"]
    assert [each.body["after"] and each.body["after"]["chain"] for each in own] == [None, own[0].chain]


def test_the_key_is_made_for_a_ledger_that_has_no_checkpoint(world: World, plan: Plan) -> None:
    """Once; only its owner may read it."""
    file = plan.settings.key_folder / "checkpoints.key"
    assert not ready_key(plan)
    file.unlink()
    assert ready_key(plan)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_ledger_with_checkpoints_of_another_key_is_not_gone_on_with(world: World, plan: Plan) -> None:
    """Nor is a key made for it."""
    file = plan.settings.key_folder / "checkpoints.key"
    world.write()
    world.run()
    file.unlink()
    with pytest.raises(SettingsRefused, match="copy its folder of keys here"):
        ready_key(plan)
    make_checkpoint_key(plan.settings.key_folder)
    with pytest.raises(SettingsRefused, match="signed with another key than the one in"):
        ready_key(plan)


def test_what_is_no_checkpoint_is_passed_over(world: World, plan: Plan) -> None:
    """Garbage, and what others signed for themselves."""
    kafka, deployment = plan.settings.kafka, plan.in_force.policy.deployment
    assert last_checkpoint(kafka, deployment) is None
    world.write()
    world.run()
    world.topics[LEDGER].send("x", b"garbage", [])
    found = last_checkpoint(kafka, deployment)
    assert found is not None
    assert found.checkpoint.number == 0
    assert last_checkpoint(kafka, "other") is None
