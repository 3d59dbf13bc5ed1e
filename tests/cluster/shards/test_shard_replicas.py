"""One search over replicas that answer, fail, are silent, and come back, on a clock that moves when told to."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.shards.layout import Layout, Replica
from cluster.shards.shard_replicas import AGAIN_S, HEDGE_S, SEARCH_TIMEOUT_S, ShardReplicas
from operators.errors import IndexIncomplete
from operators.types import Float32, Hit
from tests.builders import hit, random_units

WELL, GONE, UNREADY, SILENT = "well", "gone", "unready", "silent"
FAST_S = 0.005


@dataclass
class World:
    """`Calls` over replicas of which each is as `states` says, and the time."""

    states: dict[str, str] = field(default_factory=dict)
    slow_s: dict[str, float] = field(default_factory=dict)
    now_s: float = 1000.0
    asked: list[str] = field(default_factory=list)
    due: dict[int, float] = field(default_factory=dict)

    def ask(self, replica: Replica, vectors: Float32, k: int, at_least: float) -> int:
        """A reply is the number of its question."""
        name = str(replica)
        if self.states.get(name) == GONE:
            raise IndexIncomplete("is not there")
        self.asked.append(name)
        silent = self.states.get(name) == SILENT
        self.due[len(self.asked) - 1] = float("inf") if silent else self.now_s + self.slow_s.get(name, FAST_S)
        return len(self.asked) - 1

    def wait(self, replies: Sequence[int], enough: int, timeout_s: float) -> Collection[int]:
        """Lets time pass until enough have come."""
        assert enough <= len(replies)
        until_s = sorted(self.due[reply] for reply in replies)[enough - 1]
        self.now_s = max(self.now_s, min(until_s, self.now_s + timeout_s))
        return [reply for reply in replies if self.due[reply] <= self.now_s]

    def answer(self, reply: int) -> list[list[Hit]]:
        """One hit for each of two vectors, named after the shard."""
        assert self.due[reply] <= self.now_s
        name = self.asked[reply]
        if self.states.get(name) == UNREADY:
            raise IndexIncomplete("its topic is still being read")
        shard = int(name.split("-")[1])
        return [[hit(f"of-{shard}", 0.9 - 0.1 * shard)], [hit(f"of-{shard}", 0.9)]]

    def took_s(self, search: Callable[[], object]) -> float:
        """How long a search takes."""
        before_s = self.now_s
        search()
        return self.now_s - before_s


def over(world: World, shards: int, replicas: int, slot: int = 0) -> Callable[[], list[list[str]]]:
    """A search that gives the references it found."""
    replicated = ShardReplicas(Layout(shards, replicas), world, slot, lambda: world.now_s)
    return lambda: [[found.entry for found in row] for row in replicated.search(random_units(1, 2), 3, 0.5)]


def r(number: int, shard: int = 0, shards: int = 1) -> str:
    """The name of a replica."""
    return str(Replica(shard, shards, number))


def test_one_replica_of_every_shard_is_asked_and_the_answers_are_merged() -> None:
    """Higher cosine first, equal ones by reference; askers begin at different replicas."""
    world = World()
    assert over(world, 3, 2)() == [["of-0", "of-1", "of-2"], ["of-0", "of-1", "of-2"]]
    assert world.asked == [r(0, shard, 3) for shard in range(3)]
    world.asked.clear()
    over(world, 3, 2, slot=5)()
    assert world.asked == [r(1, shard, 3) for shard in range(3)]


@pytest.mark.parametrize(
    ("state", "least_s", "most_s"), [(GONE, 0.0, 0.01), (UNREADY, 0.0, 0.02), (SILENT, HEDGE_S, HEDGE_S + 0.01)]
)
def test_another_answers_for_one_that_does_not_and_is_asked_from_then_on(
    state: str, least_s: float, most_s: float
) -> None:
    """Only the first search pays for it; a frozen replica costs the hedge, not the whole patience."""
    world = World({r(0): state})
    search = over(world, 1, 2)
    assert least_s <= world.took_s(search) <= most_s
    world.asked.clear()
    assert world.took_s(search) <= FAST_S * 1.01
    assert world.asked == [r(1)]


def test_one_that_was_bad_is_tried_again_later_and_less_and_less_often() -> None:
    """When it is well it is asked as before; while it is not, the time between two tries doubles."""
    world = World({r(0): SILENT})
    search = over(world, 1, 2)
    search()
    tries = []
    for _ in range(100):
        world.now_s += AGAIN_S
        if world.took_s(search) >= HEDGE_S:
            tries.append(world.now_s)
    between = [later - earlier for earlier, later in pairwise(tries)]
    assert between[:3] == sorted(between[:3])
    assert between[-1] > 10 * AGAIN_S
    assert len(tries) < 12
    world.states.clear()
    world.now_s += 20 * AGAIN_S
    world.asked.clear()
    search()
    assert world.asked == [r(0)]


def test_the_first_answer_counts_even_when_it_comes_late() -> None:
    """One that was only slow answers before the other, and is asked first again."""
    world = World({r(1): SILENT}, slow_s={r(0): HEDGE_S + 0.2})
    search = over(world, 1, 2)
    assert world.took_s(search) == pytest.approx(HEDGE_S + 0.2)
    world.asked.clear()
    world.slow_s.clear()
    search()
    assert world.asked == [r(0)]


def test_a_silent_shard_does_not_hold_up_the_asking_of_another() -> None:
    """Two shards that each have a frozen replica cost one hedge together."""
    world = World({r(0, 0, 2): SILENT, r(0, 1, 2): SILENT})
    assert world.took_s(over(world, 2, 2)) <= HEDGE_S + 0.02


@pytest.mark.parametrize("replicas", [1, 2])
def test_no_answer_is_given_when_a_shard_has_none_and_the_message_says_which(replicas: int) -> None:
    """Not even after the others have answered; at once when all have failed, else when patience is over."""
    for state, why, most_s in (
        (GONE, "is not there", 0.05),
        (UNREADY, "its topic is still being read", 0.05),
        (SILENT, "is silent", SEARCH_TIMEOUT_S + 0.01),
    ):
        world = World({r(number, 1, 2): state for number in range(replicas)})
        search = over(world, 2, replicas)
        before_s = world.now_s
        with pytest.raises(IndexIncomplete, match=rf"shard 1 of 2 does not answer \(shard-1-of-2-r0: {why}") as raised:
            search()
        assert world.now_s - before_s <= most_s
        assert str(raised.value).count(why) == replicas
        world.states.clear()
        world.now_s += 1
        assert search()[0] == ["of-0", "of-1"]


@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 5),
    st.lists(
        st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.sampled_from([GONE, UNREADY, SILENT]))
    ),
)
def test_an_answer_is_whole_and_comes_whenever_somebody_of_each_shard_is_well(
    shards: int, replicas: int, slot: int, course: list[dict[tuple[int, int], str]]
) -> None:
    """Whatever is broken from search to search; and it comes within the patience."""
    world = World()
    search = over(world, shards, replicas, slot)
    whole = [[f"of-{shard}" for shard in range(shards)]] * 2
    for broken in course:
        world.states = {r(number, shard, shards): state for (shard, number), state in broken.items()}
        world.now_s += 1.0
        before_s = world.now_s
        well = all(any((shard, number) not in broken for number in range(replicas)) for shard in range(shards))
        if well:
            assert search() == whole
        else:
            with pytest.raises(IndexIncomplete):
                search()
        assert world.now_s - before_s <= SEARCH_TIMEOUT_S + 0.02
