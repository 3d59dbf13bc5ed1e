"""Changing over between two steps of a dataflow, and what the ledger is told of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from cluster.clocks import HandClock
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemorySink
from cluster.plan import Plan
from cluster.policies import following as following_module
from cluster.policies.following import TELL_S, TOLD_AT_ONCE, Following
from cluster.policies.in_force import PolicyInForce
from cluster.policies.standing import Standing
from cluster.policies.state import Misfit, Refusal
from cluster.wire.alerts import AlertContext
from cluster.wire.ledger import parse_record
from cluster.wire.order import Action
from cluster.wire.release import Release
from operators.errors import BrokerUnavailable, ReleaseReason
from tests.builders import NOW
from tests.releases import changed, order, proposed

ENVELOPE = {"chain.begun"}


@dataclass
class World:
    """A recogniser's dataflow, what stands, and its ledger.

    Attributes:
        standing: What stands.
        untold: Documents that are not followed.
        sink: The ledger.
        switched: What the dataflow was switched to.
        now_s: The time.
    """

    plan: Plan
    standing: Standing | None = None
    untold: list[Refusal] = field(default_factory=list)
    sink: MemorySink = field(default_factory=MemorySink)
    switched: list[tuple[PolicyInForce, AlertContext]] = field(default_factory=list)
    now_s: float = 1000.0
    clock: HandClock = field(default_factory=lambda: HandClock(NOW))

    def stands(self, number: int, **fields: Any) -> Release:
        """Have a policy stand that is like the plan's, but for its number."""
        policy = replace(self.plan.in_force.policy, policy=number)
        release = replace(proposed(changed()), in_force=PolicyInForce(policy, f"policy {number}".encode()))
        self.standing = Standing(release, release, NOW, **fields)
        return release

    def wait(self) -> Standing:
        """See `Feed`."""
        assert self.standing is not None
        return self.standing

    def refusals(self) -> list[Refusal]:
        """See `Feed`."""
        found, self.untold = self.untold, []
        return found

    def switch(self, policy: PolicyInForce, context: AlertContext) -> None:
        """See `Pipeline`."""
        self.switched.append((policy, context))
        self.ledger.policy_digest = context.policy_digest

    def begin(self) -> Following:
        """A recogniser that has begun."""
        following = Following(self.plan, self, self.clock)
        in_force = following.begin().in_force
        self.ledger = LedgerWriter(self.sink, "drawn", "recogniser-0", in_force.digest, self.clock)
        following.tell(self.ledger)
        return following

    def told(self, since: int = 0) -> list[tuple[str, str, dict[str, Any]]]:
        """What the ledger has: kind, digest of the policy in force, and body."""
        records = [parse_record(message.value) for message in self.sink.messages]
        return [(each.kind, each.policy_digest, dict(each.body)) for each in records if each.kind not in ENVELOPE][
            since:
        ]

    def monotonic(self) -> float:
        """As `time`."""
        return self.now_s


@pytest.fixture
def world(drawn: Plan, monkeypatch: pytest.MonkeyPatch) -> World:
    """With policy 2 in the topic; the plan has policy 1."""
    found = World(drawn)
    found.stands(2)
    monkeypatch.setattr(following_module, "time", found)
    return found


def test_it_begins_with_the_policy_that_stands_and_not_with_the_plans(world: World) -> None:
    """Ray starts actors anew with the plan that they were made with."""
    following = Following(world.plan, world, world.clock)
    plan = following.begin()
    assert (plan.in_force.policy.policy, plan.context.policy) == (2, 2)
    assert replace(plan, in_force=world.plan.in_force) == world.plan
    assert following.in_force == plan.in_force
    assert following.switched_at is None


def test_a_switch_is_told_to_the_ledger_under_the_new_policy(world: World) -> None:
    """Number, digest and since when; and not again while nothing changes."""
    following = world.begin()
    world.clock.time += timedelta(seconds=5)
    after = world.stands(3)
    for _ in range(3):
        following.step(world, world.ledger)
    assert [(policy.policy.policy, context.policy_digest) for policy, context in world.switched] == [(3, after.digest)]
    since = "2026-01-31T12:00:05.000Z"
    assert world.told(1) == [("settings.in_force", after.digest, {"number": 3, "digest": after.digest, "since": since})]
    assert following.switched_at == world.clock.time


def test_a_switch_that_failed_is_not_told_of(world: World) -> None:
    """What was seen by the former policy is not written: the recogniser starts over, with the new one."""
    following = world.begin()
    before = following.in_force
    world.stands(3)

    class Broken:
        """Cannot write."""

        def switch(self, policy: PolicyInForce, context: AlertContext) -> None:
            """As a dataflow whose alerts are not acknowledged."""
            raise BrokerUnavailable("not acknowledged")

    with pytest.raises(BrokerUnavailable):
        following.step(Broken(), world.ledger)
    assert following.in_force == before
    assert len(world.told()) == 1
    assert following.begin().in_force.policy.policy == 3
    assert following.switched_at == world.clock.time


def test_the_ledger_is_told_every_minute(world: World) -> None:
    """So that it can be seen who went by what, though nothing changed; since when stays what it was."""
    following = world.begin()
    world.clock.time += timedelta(seconds=60)
    world.now_s += TELL_S - 0.001
    following.step(world, world.ledger)
    assert len(world.told()) == 1
    world.now_s += 0.001
    following.step(world, world.ledger)
    following.step(world, world.ledger)
    assert world.told()[1:] == world.told()[:1]


def test_nothing_goes_on_before_the_ledger_has_it(world: World) -> None:
    """Not acknowledged is not written."""
    following = world.begin()
    world.stands(3)
    world.sink.acknowledges = False
    with pytest.raises(BrokerUnavailable):
        following.step(world, world.ledger)


def test_a_document_that_is_not_followed_is_told_of_without_its_content(world: World) -> None:
    """Where it stands, why, and its number if it can be read."""
    following = world.begin()
    world.untold = [
        Refusal(5, ReleaseReason.BAD_SIGNATURE, "somebody has not signed this", 9),
        Refusal(6, ReleaseReason.MALFORMED, "it is no JSON"),
        Refusal(7, Misfit.NEEDS_RESTART, "other models", 10),
    ]
    for _ in range(2):
        following.step(world, world.ledger)
    assert [(kind, body) for kind, _, body in world.told(1)] == [
        ("policy.refused", {"offset": 5, "reason": "bad_signature", "number": 9}),
        ("policy.refused", {"offset": 6, "reason": "malformed", "number": None}),
        ("policy.refused", {"offset": 7, "reason": "needs_restart", "number": 10}),
    ]


def test_a_flood_of_documents_does_not_hold_up_the_frames(world: World) -> None:
    """Some are told of between two steps, in their order, and the others later."""
    following = world.begin()
    world.untold = [Refusal(offset, ReleaseReason.MALFORMED, "it is no JSON") for offset in range(TOLD_AT_ONCE + 5)]
    following.step(world, world.ledger)
    assert len(world.told(1)) == TOLD_AT_ONCE
    following.step(world, world.ledger)
    assert [body["offset"] for _, _, body in world.told(1)] == list(range(TOLD_AT_ONCE + 5))


def test_what_could_not_be_told_is_told_to_the_next_chain(world: World) -> None:
    """The ledger was away when it came."""
    following = world.begin()
    world.untold = [Refusal(5, ReleaseReason.UNSIGNED, "nobody", 9), Refusal(6, ReleaseReason.UNSIGNED, "nobody", 9)]

    def fail(*_: Any) -> Any:
        raise BrokerUnavailable("away")

    write: Callable[..., Any] = world.ledger.write
    world.ledger.write = fail  # type: ignore[method-assign]
    with pytest.raises(BrokerUnavailable):
        following.step(world, world.ledger)
    world.ledger.write = write  # type: ignore[method-assign]
    following.step(world, world.ledger)
    assert [body["offset"] for _, _, body in world.told(1)] == [5, 6]


def test_an_order_is_acknowledged_once(world: World) -> None:
    """Which, and from when on it was followed; whoever starts anew while it stands says so too."""
    following = world.begin()
    stop = order(Action.STOP, "dan")
    world.stands(2, stopped_by=stop, last_order=stop)
    for _ in range(2):
        following.step(world, world.ledger)
    body = {"action": "stop", "digest": stop.digest, "since": "2026-01-31T12:00:00.000Z"}
    assert [(kind, body) for kind, _, body in world.told(1)] == [("order.followed", body)]
    resume = order(Action.RESUME, "dan", "bob", ends=stop)
    world.stands(2, last_order=resume)
    following.step(world, world.ledger)
    assert [body["action"] for _, _, body in world.told(1)] == ["stop", "resume"]
