"""What keeps the actors alive, over actors in memory; each round is made by hand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import Mock

import pytest

from cluster import supervisor as supervisor_module
from cluster.account import Account
from cluster.actors import Silent
from cluster.patience import SILENT_S, STARTING_S, Patience
from cluster.plan import Plan
from cluster.recogniser_status import STANDING_BY, RecogniserStatus
from cluster.shards.layout import Layout, Replica, replica_named
from cluster.status import Member, PolicyShown
from cluster.supervisor import Supervisor
from cluster.watchlists.feed import FeedStatus
from operators.types import Generation
from tests.drawn import indexed
from tests.waiting import wait_until

OLD, NEW = Layout(2, 1), Layout(3, 1)
LATE = Silent("starting, or too busy to answer", is_late=True)
GONE = Silent("failed: ActorDiedError", is_gone=True)
LANES = ["recogniser-0", "recogniser-1"]


@dataclass
class Method:
    """A method of an actor."""

    remote: Callable[..., Any]


class Actor:
    """One actor; a shard that has read its part, or a recogniser that asks `layout`."""

    def __init__(self, world: "World", name: str, layout: Layout | None = None) -> None:
        def note(what: str) -> Callable[..., Callable[[], object]]:
            return lambda *_: world.done.append(f"{what} {name}") or (lambda: world.unretired.get(name))

        self.name, self.world, self.layout = name, world, layout
        self.state = "watching"
        self.status, self.use, self.stand_by = Method(self._ask), Method(self._use), Method(self._stand_by)
        self.retire, self.close, self.leave = (Method(note(what)) for what in ("retire", "close", "leave"))

    def _ask(self) -> Callable[[], Any]:
        """A reply says what the actor says by then."""
        self.world.asked.append(self.name)
        return self._status

    def _status(self) -> Any:
        if said := self.world.silent.get(self.name):
            return said
        if replica := replica_named(self.name):
            generation = Generation(replica.shard, replica.shards, 9, "f" * 64)
            return FeedStatus(generation, 5, 0, 0, 0, None, 100, node_id=self.world.nodes.get(self.name))
        about = (7, "here", self.state, {0: 0}, 0.0, 1, "d" * 64, "CPU", 0, None, Account().summary())
        return RecogniserStatus(0, *about, self.layout, node_id=self.world.nodes.get(self.name))

    def _use(self, layout: Layout) -> None:
        self.world.done.append(f"tell {self.name} {layout.shards} x {layout.replicas}")
        self.layout = layout

    def _stand_by(self, is_so: bool) -> None:
        self.world.done.append(f"stand by {self.name}" if is_so else f"call {self.name}")
        self.state = STANDING_BY if is_so else "watching"


class Watch:
    """As `PolicyWatch`: all go by the policy that stands, unless told otherwise."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.shown = PolicyShown(7, "d" * 64)

    def look(self, members: Iterable[Member], asked_s: float) -> bool:
        """Remember who was heard."""
        self.world.looked = [member.name for member in members]
        return not self.world.is_spread

    def close(self) -> None:
        """Remember it."""
        self.world.done.append("close watch")


@dataclass
class World:
    """Ray, as far as the supervisor knows it.

    Attributes:
        there: Actors by name.
        silent: Those that say nothing, and what is known of them.
        done: What was done, in order.
        asked: Who was asked how it is.
        unretired: Those that cannot retire, and why.
        now_s: The present.
        checkpoints: Writes those of the ledger.
        looked: Whose policy was looked at last.
        is_spread: Whether a recogniser goes by another policy.
        nodes: By actor, where it is.
        ending: Nodes that are about to end.
        missing: By recogniser, what Ray is to do when its process ends.
    """

    there: dict[str, Actor] = field(default_factory=dict)
    silent: dict[str, Silent] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    unretired: dict[str, Silent] = field(default_factory=dict)
    now_s: float = 1000.0
    checkpoints: Any = field(default_factory=Mock)
    looked: list[str] = field(default_factory=list)
    is_spread: bool = False
    nodes: dict[str, str] = field(default_factory=dict)
    ending: set[str] = field(default_factory=set)
    missing: dict[str, Callable[[], object]] = field(default_factory=dict)

    def add(self, layout: Layout) -> None:
        """Shards of that layout, and recognisers that ask them."""
        names = [*map(str, layout.all()), *LANES]
        self.there |= {name: Actor(self, name, layout) for name in names}

    def make(self, plan: Plan, name: str) -> Actor:
        """As `start_lane` and `start_shard`."""
        if name not in self.there:
            self.there[name] = Actor(self, name, plan.settings.index.layout)
            self.done.append(f"make {name}")
        return self.there[name]

    def end(self, actors: Iterable[Actor]) -> None:
        """As `actors.end`."""
        for actor in list(actors):
            del self.there[actor.name]
            self.done.append(f"end {actor.name}")


RUN = Supervisor._run


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """An empty one; a supervisor in it waits to be told to look."""
    found = World()
    fakes = {
        "actor_names": lambda: list(found.there),
        "drained_slots": frozenset,
        "ending_nodes": lambda: frozenset(found.ending),
        "note_drained": lambda slots: found.done.append(f"drained {sorted(slots)}"),
        "find_actor": lambda name: found.there.get(name),
        "hear": lambda reply: reply(),
        "restart": lambda actor: found.done.append(f"restart {actor.name}"),
        "open_policy_watch": lambda _: Watch(found),
        "Patience": lambda: Patience(lambda: found.now_s),
        "wait_for": lambda replies, _: [],
        "end": found.end,
        "when_gone": lambda actor, call: found.missing.update({actor.name: call}),
        "take_out": lambda plan, name: found.done.append(f"take out {name}"),
        "CheckpointKeeper": lambda _: found.checkpoints,
        "start_shard": lambda plan, replica: found.make(plan, str(replica)),
        "start_lane": lambda plan, slot: found.make(plan, f"recogniser-{slot}"),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(supervisor_module, name, fake)
    monkeypatch.setattr(Supervisor, "_run", lambda _: None)
    return found


@pytest.fixture
def plan(drawn: Plan) -> Plan:
    """Two recognisers over three shards."""
    return indexed(drawn, shards=NEW.shards, replicas=NEW.replicas)


def shown(supervisor: Supervisor) -> dict[str, str]:
    """Every member's state, by name."""
    return {member.name: member.state for member in supervisor.status()}


def test_what_is_missing_is_made_and_what_is_there_is_left(world: World, plan: Plan) -> None:
    """Once; a second look has nothing to do."""
    world.make(plan, "recogniser-1")
    supervisor = Supervisor(plan)
    assert set(shown(supervisor).values()) == {"starting"}
    assert supervisor._reconcile()
    assert world.done == [
        "make recogniser-1",
        *(f"make {replica}" for replica in NEW.all()),
        "make recogniser-0",
    ]
    assert shown(supervisor) == dict.fromkeys(map(str, NEW.all()), "ready") | dict.fromkeys(LANES, "watching")
    world.done.clear()
    assert supervisor._reconcile()
    assert world.done == []


def test_who_is_on_a_node_that_is_about_to_end_leaves_it(world: World, drawn: Plan) -> None:
    """Of shards those that others hold elsewhere: who is asked last would leave recognisers without an answer."""
    plan = indexed(drawn, shards=2, replicas=2)
    world.add(Layout(2, 2))
    world.nodes = {"recogniser-0": "a", "recogniser-1": "b"}
    world.nodes |= {"shard-0-of-2-r0": "a", "shard-0-of-2-r1": "b", "shard-1-of-2-r0": "a", "shard-1-of-2-r1": "a"}
    supervisor = Supervisor(plan)
    supervisor._reconcile()
    assert world.done == []
    world.ending = {"a"}
    supervisor._reconcile()
    assert world.done == ["leave recogniser-0", "restart shard-0-of-2-r0"]
    world.done.clear()
    world.silent["shard-0-of-2-r1"] = LATE
    supervisor._reconcile()
    assert world.done == ["leave recogniser-0"]


def test_recognisers_are_told_the_layout_and_what_nobody_asks_is_ended(world: World, plan: Plan) -> None:
    """First all are told, then the old shards go, with what they kept; meanwhile the status shows both."""
    world.add(OLD)
    world.silent["shard-2-of-3-r0"] = LATE
    supervisor = Supervisor(plan)
    supervisor._reconcile()
    assert world.done == [f"make {replica}" for replica in NEW.all()]
    assert shown(supervisor)["shard-0-of-2-r0"] == "ready, asked until every recogniser asks the new shards"
    world.done.clear()
    world.silent.clear()
    assert not supervisor._reconcile()
    assert world.done == [f"tell {name} 3 x 1" for name in LANES]
    world.done.clear()
    assert not supervisor._reconcile()
    old = [str(replica) for replica in OLD.all()]
    assert world.done == [*(f"retire {name}" for name in old), *(f"end {name}" for name in old)]
    assert supervisor._reconcile()
    assert set(shown(supervisor)) == {*map(str, NEW.all()), *LANES}


@pytest.mark.parametrize("said", [LATE, Silent("failed: PermissionError", is_gone=True)])
def test_one_that_may_have_left_vectors_on_a_disk_is_ended_and_told_of(
    world: World, plan: Plan, caplog: pytest.LogCaptureFixture, said: Silent
) -> None:
    """It took too long to stop, or its folder cannot be removed; of the others nothing is said."""
    world.add(OLD)
    world.unretired["shard-1-of-2-r0"] = said
    supervisor = Supervisor(plan)
    for _ in range(2):
        supervisor._reconcile()
    assert not {str(replica) for replica in OLD.all()} & set(world.there)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1
    assert warned[0].startswith(f"shard-1-of-2-r0 is ended ({said.why}): a snapshot")


def test_a_shard_on_its_way_out_that_has_died_is_neither_shown_nor_in_the_way(world: World, plan: Plan) -> None:
    """Its name is there a moment longer than itself; the change goes on, and nothing has failed."""
    world.add(OLD)
    supervisor = Supervisor(plan)
    for name in map(str, OLD.all()):
        world.silent[name] = GONE
    supervisor._reconcile()
    assert world.done[-2:] == [f"tell {name} 3 x 1" for name in LANES]
    assert supervisor._reconcile()
    assert shown(supervisor) == dict.fromkeys(map(str, NEW.all()), "ready") | dict.fromkeys(LANES, "watching")


def test_what_ray_has_given_up_is_shown_and_made_anew(world: World, plan: Plan) -> None:
    """With the reason, for one round; the name is free by then."""
    supervisor = Supervisor(plan)
    supervisor._reconcile()
    world.silent |= {"shard-1-of-3-r0": GONE, "recogniser-0": GONE}
    assert not supervisor._reconcile()
    assert shown(supervisor)["shard-1-of-3-r0"] == shown(supervisor)["recogniser-0"] == "failed: ActorDiedError"
    for name in world.silent:
        del world.there[name]
    world.silent.clear()
    world.done.clear()
    assert supervisor._reconcile()
    assert world.done == ["make shard-1-of-3-r0", "make recogniser-0"]


def test_a_shard_that_is_wanted_again_is_kept(world: World, plan: Plan) -> None:
    """A supervisor with the old numbers takes a change back: the old shards were never gone."""
    world.add(OLD)
    for replica in NEW.all():
        world.there[str(replica)] = Actor(world, str(replica))
    index = replace(plan.settings.index, shards=OLD.shards)
    supervisor = Supervisor(replace(plan, settings=replace(plan.settings, index=index)))
    supervisor._reconcile()
    assert world.done == [f"{what} {replica}" for what in ("retire", "end") for replica in NEW.all()]
    assert supervisor._reconcile()
    assert set(world.there) == {*map(str, OLD.all()), *LANES}


def test_a_recogniser_whose_process_ends_leaves_the_group_at_once(world: World, plan: Plan) -> None:
    """Once for each end of it; the one that takes its place is attended to when it has been heard."""
    supervisor = Supervisor(plan)
    supervisor._reconcile()
    assert set(world.missing) == set(LANES)
    gone = world.missing.pop("recogniser-1")
    world.silent["recogniser-1"] = Silent("restarting")
    world.done.clear()
    gone()
    wait_until(lambda: world.done == ["take out recogniser-1"], lambda: world.done)
    supervisor._reconcile()
    assert set(world.missing) == {"recogniser-0"}
    world.silent.clear()
    supervisor._reconcile()
    assert set(world.missing) == set(LANES)


def test_one_that_stands_by_goes_to_work_while_another_is_away(world: World, plan: Plan) -> None:
    """At once, and only until that one is back; it is no recogniser that the load has called for."""
    settings = replace(plan.settings, recognisers=replace(plan.settings.recognisers, standby=1))
    supervisor = Supervisor(replace(plan, settings=settings))
    supervisor._reconcile()
    world.there["recogniser-2"].state = STANDING_BY
    supervisor._reconcile()
    assert shown(supervisor)["recogniser-2"] == STANDING_BY
    world.done.clear()
    world.silent["recogniser-1"] = Silent("restarting")
    world.missing.pop("recogniser-1")()
    wait_until(lambda: sorted(world.done) == ["call recogniser-2", "take out recogniser-1"], lambda: world.done)
    supervisor._reconcile()
    assert shown(supervisor)["recogniser-2"] == "watching"
    world.silent.clear()
    supervisor._reconcile()
    assert world.done[-1] == "stand by recogniser-2"
    assert set(world.there) == {*map(str, NEW.all()), *LANES, "recogniser-2"}


def test_one_that_ends_because_all_do_is_not_taken_out(world: World, plan: Plan) -> None:
    """They have left by themselves, or nobody is there to share with."""
    supervisor = Supervisor(plan)
    supervisor._reconcile()
    supervisor.close(1.0)
    world.done.clear()
    for gone in world.missing.values():
        gone()
    assert world.done == []


def test_closing_lets_every_recogniser_finish_before_anything_ends(world: World, plan: Plan) -> None:
    """Shards of any layout included: nothing is left, and other clusters' actors are left alone."""
    world.add(OLD)
    world.there["shard-9-of-9-r9"] = Actor(world, str(Replica(9, 9, 9)))
    world.there["somebody-else"] = Actor(world, "somebody-else")
    world.checkpoints.close = lambda _: world.done.append("last checkpoint")
    Supervisor(plan).close(1.0)
    assert world.done[:2] == [f"close {name}" for name in LANES]
    assert world.done[-1] == "last checkpoint"  # over what they have written to their ends
    assert set(world.there) == {"somebody-else"}


def test_it_says_how_far_the_ledger_is_sealed(world: World, plan: Plan) -> None:
    """Or why it is not."""
    world.checkpoints.state = "no checkpoint is written: the key is missing"
    assert Supervisor(plan).ledger() == "no checkpoint is written: the key is missing"


@pytest.mark.parametrize("name", ["shard-1-of-3-r0", "shard-0-of-2-r0"])
def test_a_frozen_shard_is_ended_once_and_comes_back(world: World, plan: Plan, name: str) -> None:
    """Also one of a layout that is being left: recognisers ask it. Until then it is asked how it is only once."""
    world.add(OLD)
    world.silent["shard-0-of-3-r0"] = LATE  # the change goes on and on
    supervisor = Supervisor(plan)
    supervisor._reconcile()
    world.silent[name] = LATE
    world.done.clear()
    world.asked.clear()
    for _ in range(3):
        supervisor._reconcile()
        world.now_s += SILENT_S / 3
    assert (world.done, world.asked.count(name)) == ([], 1)
    supervisor._reconcile()
    assert world.done == [f"restart {name}"]
    world.silent[name] = Silent("restarting")
    world.now_s += SILENT_S
    supervisor._reconcile()
    del world.silent[name]
    supervisor._reconcile()
    assert world.done == [f"restart {name}"]
    assert shown(supervisor)[name].startswith("ready")


def test_one_that_starts_has_longer_and_a_recogniser_is_left(world: World, plan: Plan) -> None:
    """What it asks of Kafka is others' by then; ended in the middle of a start a shard would never come up."""
    world.silent = {"shard-1-of-3-r0": LATE}
    supervisor = Supervisor(plan)
    supervisor._reconcile()
    world.silent["recogniser-0"] = LATE
    supervisor._reconcile()
    world.done.clear()
    world.now_s += STARTING_S - 1
    supervisor._reconcile()
    assert world.done == []
    world.now_s += 1
    supervisor._reconcile()
    assert world.done == ["restart shard-1-of-3-r0"]
    world.now_s += SILENT_S
    supervisor._reconcile()
    assert world.done == ["restart shard-1-of-3-r0"]


def test_one_that_starts_again_by_itself_has_longer_too(world: World, plan: Plan) -> None:
    """As after its process was killed: Ray makes it anew, and it reads."""
    supervisor = Supervisor(plan)
    supervisor._reconcile()
    world.done.clear()
    for said in (Silent("restarting"), LATE, LATE):
        world.silent["shard-1-of-3-r0"] = said
        supervisor._reconcile()
        world.now_s += SILENT_S
    assert world.done == []


def test_another_of_the_same_name_is_asked_anew(world: World, plan: Plan) -> None:
    """What the one before has not answered is not held against it."""
    old = "shard-0-of-2-r0"
    world.add(OLD)
    world.silent |= {old: LATE, "shard-0-of-3-r0": LATE}
    supervisor = Supervisor(plan)
    supervisor._reconcile()
    before = world.there.pop(old)
    supervisor._reconcile()
    world.there[old] = before
    supervisor._reconcile()
    assert world.asked.count(old) == 2


def test_every_round_looks_whether_all_go_by_the_newest_policy(world: World, plan: Plan) -> None:
    """While one does not, it looks again soon; what stands is shown to whoever asks."""
    supervisor = Supervisor(plan)
    assert supervisor._reconcile()
    assert set(LANES) <= set(world.looked)
    assert supervisor.policy() == PolicyShown(7, "d" * 64)
    world.is_spread = True
    assert not supervisor._reconcile()


def test_metrics_that_cannot_be_made_end_nothing(
    world: World, plan: Plan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread that keeps the actors alive looks again, and the log says what went wrong."""
    supervisor = Supervisor(plan)
    note = Mock(side_effect=ValueError("no such member"))
    monkeypatch.setattr(supervisor, "_metrics", Mock(note=note))
    monkeypatch.setattr(supervisor, "_stopping", Mock(is_set=lambda: note.call_count == 2))
    monkeypatch.setattr(supervisor, "_wake", Mock())
    RUN(supervisor)
    assert "no such member" in caplog.text
