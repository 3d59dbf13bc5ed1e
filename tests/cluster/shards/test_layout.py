"""Divisions of the watchlist, and the way from one to another."""

from hypothesis import given
from hypothesis import strategies as st

from cluster.shards.layout import Layout, Replica, Seen, Steps, next_steps, place_of, replica_named

layouts = st.builds(Layout, st.integers(1, 3), st.integers(1, 3))


@given(layouts)
def test_every_replica_has_a_name_of_its_own_that_tells_it(layout: Layout) -> None:
    """Layouts that exist at once share an actor only where it holds the same rows."""
    names = [str(replica) for replica in layout.all()]
    assert len(set(names)) == layout.shards * layout.replicas
    assert [replica_named(name) for name in names] == layout.all()
    more = Layout(layout.shards + 1, layout.replicas)
    assert not set(map(str, more.all())) & set(names)


def test_names_of_other_actors_are_no_replicas() -> None:
    """As they stand side by side in one cluster."""
    assert str(Replica(0, 4, 1)) == "shard-0-of-4-r1"
    for name in ("supervisor", "recogniser-0", "shard-0", "shard-0-of-4", "shard-0-of-4-r1x", "my-shard-0-of-4-r1"):
        assert replica_named(name) is None


@given(layouts, st.integers(1, 5))
def test_replicas_of_a_shard_are_put_on_different_nodes(layout: Layout, nodes: int) -> None:
    """On as many as there are; with several shards no node is left empty while another holds two of one shard."""
    for shard in range(layout.shards):
        assert len({place_of(replica) % nodes for replica in layout.of(shard)}) == min(nodes, layout.replicas)


def _seen(there: Layout, ready: Layout | None, *asks: Layout | None, **more: Layout) -> Seen:
    replicas = {*there.all(), *(replica for layout in more.values() for replica in layout.all())}
    return Seen(replicas, ready.all() if ready else [], {f"recogniser-{at}": asked for at, asked in enumerate(asks)})


OLD, NEW = Layout(2, 1), Layout(4, 1)


def test_recognisers_go_on_with_the_old_layout_until_the_new_one_is_whole() -> None:
    """One shard that still reads holds them all back; then all are told, and only then the old one ends."""
    both = [*OLD.all(), *NEW.all()]
    asks: dict[str, Layout | None] = {"recogniser-0": OLD, "recogniser-1": OLD}
    assert next_steps(NEW, Seen(both, [*OLD.all(), *NEW.all()[1:]], asks)) == Steps([], [])
    assert next_steps(NEW, Seen(both, NEW.all(), asks)) == Steps(["recogniser-0", "recogniser-1"], [])
    assert next_steps(NEW, Seen(both, NEW.all(), asks | {"recogniser-0": NEW})) == Steps(["recogniser-1"], [])
    assert next_steps(NEW, Seen(both, NEW.all(), dict.fromkeys(asks, NEW))) == Steps([], OLD.all())
    assert next_steps(NEW, Seen(NEW.all(), NEW.all(), dict.fromkeys(asks, NEW))) == Steps([], [])


def test_nothing_ends_while_a_recogniser_says_nothing() -> None:
    """It may be asking the old layout; the others are told nevertheless."""
    seen = _seen(NEW, NEW, OLD, None, old=OLD)
    assert next_steps(NEW, seen) == Steps(["recogniser-0"], [])
    assert next_steps(NEW, _seen(NEW, NEW, NEW, None, old=OLD)) == Steps([], [])


def test_a_recogniser_that_knows_a_layout_that_is_gone_is_told_at_once() -> None:
    """As after its own restart; waiting for the new one's shards is all that it can do."""
    assert next_steps(NEW, _seen(NEW, None, OLD)) == Steps(["recogniser-0"], [])


def test_one_ready_replica_of_each_shard_is_enough() -> None:
    """More replicas are asked as soon as they are there; fewer end once nobody counts on them."""
    two = Layout(2, 2)
    assert next_steps(two, Seen(two.all(), OLD.all(), {"recogniser-0": OLD})) == Steps(["recogniser-0"], [])
    ended = [Replica(0, 2, 1), Replica(1, 2, 1)]
    assert next_steps(OLD, Seen(two.all(), two.all(), {"recogniser-0": two})) == Steps(["recogniser-0"], [])
    assert next_steps(OLD, Seen(two.all(), two.all(), {"recogniser-0": OLD})) == Steps([], ended)


@given(st.data(), layouts, st.lists(layouts, min_size=1, max_size=3))
def test_whatever_happens_on_the_way_no_recogniser_is_left_without_a_whole_list(
    data: st.DataObject, wanted: Layout, begin: list[Layout]
) -> None:
    """Replicas get ready in any order, recognisers fall silent; in the end what is wanted is asked, and alone there."""
    there = {replica for layout in begin for replica in layout.all()} | set(wanted.all())
    ready = {replica for layout in begin for replica in layout.all()}
    asks = {f"recogniser-{at}": layout for at, layout in enumerate(begin)}
    for calm in (False,) * 8 + (True,) * 3:
        unready = sorted(set(wanted.all()) - ready)
        ready |= set(unready if calm else data.draw(st.sets(st.sampled_from(unready)) if unready else st.just(set())))
        silent = set() if calm else data.draw(st.sets(st.sampled_from(sorted(asks))))
        steps = next_steps(wanted, Seen(there, ready, {name: None if name in silent else asks[name] for name in asks}))
        asks |= dict.fromkeys(steps.tell, wanted)
        there -= set(steps.end)
        ready -= set(steps.end)
        assert all(asked.is_covered_by(ready) for asked in asks.values())
    assert there == set(wanted.all())
    assert set(asks.values()) == {wanted}
