"""A recogniser whose dataflow ends in every way it can, without Kafka; its waits are written down, not waited for."""

import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from cluster import recogniser as recogniser_module
from cluster import slot as slot_module
from cluster.memory_io import MemorySink
from cluster.plan import Plan
from cluster.policies.in_force import PolicyInForce
from cluster.policies.standing import Halt, Standing
from cluster.policies.state import Refusal
from cluster.privacy.evidence import EvidenceSink
from cluster.recogniser import Recogniser
from cluster.recogniser_status import STANDING_BY
from cluster.results import Outlets
from cluster.slot import FIRST_LOOK_S, LOOKS, SLOT_TAKEN
from cluster.wire.ledger import parse_record
from cluster.wire.order import Action, Order
from operators.errors import BrokerUnavailable, PolicyUnknown, SlotTaken
from tests.builders import EVIDENCE_KEY, NOW
from tests.releases import changed, order, proposed

FOR_GOOD = None


class Stopping(threading.Event):
    """Nobody waits; whoever would wait for good has waited enough, and so has one that waits very often."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self.most = 50

    def wait(self, timeout: float | None = None) -> bool:
        """Write it down."""
        self.waits.append(timeout)
        if timeout is FOR_GOOD or len(self.waits) > self.most:
            self.set()
        return self.is_set()


def stands(in_force: PolicyInForce, stopped_by: Order | None = None) -> Standing:
    """A policy that is in force."""
    release = replace(proposed(changed()), in_force=in_force)
    return Standing(release, release, NOW, stopped_by)


@dataclass
class Feed:
    """As `PolicyFeed`."""

    world: "World"
    trouble: str | None = None
    latest: datetime = NOW

    @property
    def standing(self) -> Standing | None:
        """What stands."""
        return self.world.standing

    def wait(self) -> Standing:
        """The same; where nothing does, it waits until the recogniser is told to stop."""
        if self.world.standing is None:
            self.world.recogniser._stopping.set()
            raise PolicyUnknown("the policy topic is still being read")
        return self.world.standing

    def refusals(self) -> list[Refusal]:
        """None."""
        return []

    def halting(self, digest: str) -> Halt | None:
        """See `PolicyFeed`."""
        return self.wait().halt(NOW, digest)

    def close(self) -> None:
        """Nothing is open."""


class Picture:
    """Of somebody."""


class World:
    """What a recogniser meets.

    Attributes:
        ends: How each dataflow ends, one after the other; then it is told to stop.
        others: Whether somebody else of its name is in the group, look by look; then there is nobody.
        opened: How often it was tied to Kafka.
        ledger: Where its chains are.
        standing: What the policy topic says.
        failures: How often its thread ended by an error.
        pictures: Of whom its dataflows have had.
    """

    def __init__(self, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends: list[BaseException] = []
        self.others: list[bool | BaseException] = []
        self.leaving: Callable[[], None] = lambda: None
        self.ledger = MemorySink()
        self.opened = self.failures = 0
        self.standing: Standing | None = stands(plan.in_force)
        self.pictures: list[weakref.ref[Picture]] = []
        world = self

        class Flow:
            """As `Pipeline`."""

            waiting_for, busy_s = None, 0.0

            def __init__(self, *_: Any) -> None:
                """Whatever it is made of."""

            def step(self, _: float) -> None:
                """End as planned, with somebody in its hands."""
                seen = Picture()
                self.waiting, self.itself = Picture(), self
                world.pictures += [weakref.ref(seen), weakref.ref(self.waiting)]
                if world.ends:
                    raise world.ends.pop(0)
                world.recogniser._stopping.set()

            def drain(self) -> None:
                """Nothing is in hand."""

            drop = drain

            work = Mock(return_value=None)

        class Source:
            """As `KafkaFrameSource`."""

            def lag(self) -> dict[int, int]:
                """Of no partition."""
                return {}

        def open_delivery(*arguments: Any) -> Any:
            self.opened += 1
            closing = arguments[-1]
            assert isinstance(closing, ExitStack)
            closing.callback(self.leaving)
            return Source(), Outlets(
                MemorySink(), MemorySink(), arguments[-2](self.ledger), EvidenceSink(MemorySink(), EVIDENCE_KEY)
            )

        run = Recogniser._run
        fakes = {"open_vision": lambda _: None, "Pipeline": Flow, "open_delivery": open_delivery}
        fakes |= {"PolicyFeed": lambda *_: Feed(self), "expel": lambda *_: 0}
        fakes |= {"read_evidence_key": lambda _: EVIDENCE_KEY}
        for name, fake in fakes.items():
            monkeypatch.setattr(recogniser_module, name, fake)
        monkeypatch.setattr(slot_module, "has_member", self._has_member)
        monkeypatch.setattr(Recogniser, "_run", lambda _: None)
        self.recogniser = Recogniser(plan, 0, index=object(), on_failure=self._fail)  # type: ignore[arg-type]
        monkeypatch.setattr(Recogniser, "_run", run)
        self.recogniser._stopping = self.stopping = Stopping()

    def run(self) -> None:
        """To its end."""
        self.recogniser._run()

    def state(self) -> str:
        """What it says of itself before anybody has told it to stop."""
        self.recogniser._stopping.clear()
        self.recogniser._vision = SimpleNamespace(provider="none")  # type: ignore[assignment]
        return self.recogniser.status().state

    def _fail(self) -> None:
        self.failures += 1

    def _has_member(self, *_: Any) -> bool:
        said = self.others.pop(0) if self.others else False
        if isinstance(said, BaseException):
            raise said
        return said


@pytest.fixture
def world(drawn: Plan, monkeypatch: pytest.MonkeyPatch) -> World:
    """A recogniser that has not begun."""
    return World(drawn, monkeypatch)


def test_one_whose_slot_is_taken_says_so_and_does_not_take_it_back(world: World) -> None:
    """To and fro, both would stop each other for ever; its process stays, or Ray would start it anew."""
    world.ends = [SlotTaken("another process")]
    world.others = [False, True]
    world.run()
    assert world.stopping.waits[0] == FIRST_LOOK_S
    assert FOR_GOOD in world.stopping.waits
    assert (world.opened, world.failures) == (1, 0)
    assert world.recogniser._trouble == SLOT_TAKEN
    assert "does the same cluster run elsewhere?" in SLOT_TAKEN


def test_one_that_nobody_has_taken_the_slot_of_starts_over(world: World) -> None:
    """Kafka bars a process that was frozen in a transaction, too; for ever out of work it would watch nothing."""
    world.ends = [SlotTaken("barred")]
    world.run()
    assert FOR_GOOD not in world.stopping.waits
    assert len(world.stopping.waits) == 1 + LOOKS
    assert (world.opened, world.failures, world.recogniser._restarts) == (2, 0, 1)
    assert world.recogniser._trouble is None


def test_a_broker_that_is_away_says_nothing_about_who_has_the_slot(world: World) -> None:
    """Only its answers count."""
    world.ends = [SlotTaken("another process")]
    world.others = [*(BrokerUnavailable("away") for _ in range(2 * LOOKS)), True]
    world.run()
    assert FOR_GOOD in world.stopping.waits
    assert (world.opened, world.failures) == (1, 0)


def test_what_fails_on_the_way_out_does_not_hide_that_the_slot_is_taken(world: World) -> None:
    """As leaving a group that has expelled this member."""

    def fail() -> None:
        raise BrokerUnavailable("leaving the group")

    world.leaving = fail
    world.ends = [SlotTaken("another process")]
    world.others = [True]
    world.run()
    assert world.opened == 1
    assert world.recogniser._trouble == SLOT_TAKEN


def test_without_kafka_it_starts_over(world: World) -> None:
    """From its last commit, as often as it takes."""
    world.ends = [BrokerUnavailable("away"), BrokerUnavailable("away")]
    world.run()
    assert (world.opened, world.failures, world.recogniser._restarts) == (3, 0, 2)


@pytest.mark.parametrize("error", [BrokerUnavailable("away"), SlotTaken("another process")])
def test_while_it_waits_to_start_over_it_holds_nobodys_picture(world: World, error: BaseException) -> None:
    """Neither in the error that it handles nor in the dataflow that has ended."""
    held: list[int] = []
    wait = world.stopping.wait

    def look(timeout: float | None = None) -> bool:
        held.append(sum(picture() is not None for picture in world.pictures))
        return wait(timeout)

    world.stopping.wait = look  # type: ignore[method-assign]
    world.ends = [error]
    world.run()
    assert len(world.pictures) == 4
    assert held
    assert set(held) == {0}


def test_each_start_has_a_chain_of_the_ledger_with_the_settings_in_force(world: World) -> None:
    """Which names the one before, and says so when it ends in order."""
    world.ends = [BrokerUnavailable("away")]
    world.run()
    records = [parse_record(message.value) for message in world.ledger.messages]
    begin = ["chain.begun", "settings.in_force"]
    assert [record.kind for record in records] == [*begin, *begin, "chain.ended"]
    assert {record.writer for record in records} == {"recogniser-0"}
    first, second = records[1], records[2]
    assert second.body["after"] == {"chain": first.chain, "seq": 1, "hash": first.hash}
    in_force = world.recogniser._plan.in_force
    assert (first.body["number"], first.body["digest"]) == (in_force.policy.policy, in_force.digest)


def test_without_the_ledger_nothing_is_looked_at(world: World) -> None:
    """It says so, and tries again."""
    world.ledger.acknowledges = False
    world.ends = [ZeroDivisionError()]  # of whoever looks
    world.stopping.most = 3
    world.run()
    assert len(world.stopping.waits) == 4
    assert world.recogniser._trouble == "the ledger cannot be written, nothing goes on without it: not acknowledged"


def test_it_begins_with_the_policy_that_stands(world: World) -> None:
    """Not with that of the plan with which Ray starts it anew; its status and the ledger name it."""
    found = PolicyInForce(replace(world.recogniser._plan.in_force.policy, policy=2), b"policy 2")
    world.standing = stands(found)
    world.run()
    record = parse_record(world.ledger.messages[1].value)
    assert (record.body["number"], record.policy_digest) == (2, found.digest)
    assert world.state() == "watching"
    status = world.recogniser.status()
    assert (status.policy, status.policy_digest, status.halted) == (2, found.digest, None)


def test_it_says_that_it_is_stopped_by_whom_and_why(world: World) -> None:
    """While frames are taken in and not looked at."""
    world.run()
    world.standing = stands(world.recogniser._plan.in_force, order(Action.STOP, "dan"))
    assert world.state() == "stopped by dan: the test"
    assert world.recogniser.status().halted == "stopped by dan: the test"


def test_before_it_knows_a_policy_it_joins_nobody(world: World) -> None:
    """And once it is told to stop it waits no longer."""
    world.standing = None
    world.run()
    assert (world.opened, world.failures) == (0, 0)
    assert world.state() == "starting"
    assert world.recogniser.status().policy == 0


def test_one_that_stands_by_joins_nobody_until_it_is_called_and_when_it_is_sent_back(world: World) -> None:
    """What it would tell of a policy is not known then: others may go by a newer one."""
    called, waits = world.recogniser._on_call, []

    def wait(_: float) -> bool:
        waits.append(called.is_set())
        if len(waits) == 3:
            called.set()
        elif len(waits) > 5:
            world.stopping.set()
        return called.is_set()

    called.clear()
    called.wait = wait  # type: ignore[method-assign, assignment]
    world.ends = [BrokerUnavailable("refused")]  # once would begin anew, and is sent back instead
    world.leaving = lambda: world.recogniser.stand_by(True)
    world.run()
    assert (world.opened, waits) == (1, [False] * 6)
    assert (world.state(), world.recogniser._has_left, world.recogniser.status().policy) == (STANDING_BY, True, 0)


def test_an_error_nobody_foresaw_ends_it(world: World) -> None:
    """Its process ends with it, and Ray starts it anew."""
    world.ends = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        world.run()
    assert world.failures == 1
