"""How many of what a plan asks for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.planning.demand import Ask, lane_fps
from loadtests.planning.plan import ROOM, Sizes, best_lanes, brokers_for, busiest, lane_counts, size, storage, stretch
from operators.errors import SettingsRefused
from operators.retention import Kept, RetentionProfile, Withdrawn
from tests.loadtests.planning.nodes import card, node


def sized(cameras: int, fps: float = 2.0, list_size: float = 10_000) -> Sizes:
    """A plan on nodes of four cores."""
    return size(node(), Ask(cameras, fps, list_size))


@given(
    cameras=st.tuples(st.integers(1, 4000), st.integers(1, 4000)), fps=st.tuples(st.floats(0.5, 10), st.floats(0.5, 10))
)
@settings(max_examples=8, deadline=None)
def test_more_frames_need_no_less(cameras: tuple[int, int], fps: tuple[float, float]) -> None:
    """Nodes and brokers; and every plan is stable, with its p99 above its p50."""
    few, many = (sized(count, rate) for count, rate in zip(sorted(cameras), sorted(fps), strict=True))
    for name in ("nodes", "brokers"):
        assert getattr(many, name) >= getattr(few, name)
    for each in (few, many):
        assert each.busy < 1
        assert each.used <= ROOM
        assert each.waits.p99_s >= each.waits.p50_s > 0
        assert each.partitions % each.recognisers == 0


def test_a_longer_list_needs_more() -> None:
    """It is read and multiplied."""
    assert sized(200, list_size=4_000_000).nodes > sized(200, list_size=1000).nodes


def test_too_few_nodes_are_refused_with_how_many_it_needs() -> None:
    """And exactly so many can do it."""
    ask = Ask(1000, 2.0, 10_000)
    with pytest.raises(
        SettingsRefused,
        match=r"2,000\.0/s, and 2 of node test can do \d{3}\.\d/s \(recognisers first\): at least \d+ are needed",
    ) as found:
        size(node(), ask, nodes=2)
    least = int(str(found.value).split("at least ")[1].split()[0])
    wanted = int(str(found.value).split("and ")[-1].split()[0])
    assert size(node(), ask, nodes=least).busy < 1
    with pytest.raises(SettingsRefused):
        size(node(), ask, nodes=least - 1)
    assert size(node(), ask).nodes == wanted >= least


def test_nodes_that_have_enough_but_not_for_the_busiest_are_refused_for_that() -> None:
    """All recognisers together can do it; cameras are not dealt out evenly, and one of them has too many."""
    ask = Ask(30, 5.0, 10_000)
    assert ask.frames_s < 4 * lane_fps(node(), ask)
    most = rf"the busiest of 4 recognisers has {busiest(ask, 4):.1f}/s, and can do {lane_fps(node(), ask):.1f}/s"
    with pytest.raises(SettingsRefused, match=rf"150\.0/s, and {most} .* at least 2 are needed"):
        size(node(), ask, nodes=1)
    assert size(node(), ask, nodes=2).busy < 1


def test_a_camera_needs_room_only_where_nodes_are_counted() -> None:
    """So many nodes as are given do what they can do; without, it is the room that is too small, and that is said."""
    alone = lane_fps(node(), Ask(1, 1.0, 10_000))
    ask = Ask(2, 0.95 * alone, 10_000)
    assert size(node(), ask, nodes=20).busy < 1
    with pytest.raises(SettingsRefused, match=rf"can do {alone:.1f} .* --room 0.7 leaves {0.85 * alone:.1f} of that"):
        size(node(), ask)
    with pytest.raises(SettingsRefused, match=r"at least \d+ are needed$"):
        size(node(), Ask(40, ask.fps, 10_000), nodes=1)


def test_a_camera_that_is_more_than_a_recogniser_can_do_is_refused() -> None:
    """No number of nodes helps: all its frames go to one."""
    with pytest.raises(SettingsRefused, match="has every frame of a camera: send fewer"):
        sized(1, fps=1.1 * lane_fps(node(), Ask(1, 1.0, 10_000)))


def test_a_list_that_has_no_room_is_refused() -> None:
    """With what would have."""
    with pytest.raises(SettingsRefused, match="name a larger node"):
        sized(10, list_size=1e8)


def test_recognisers_share_the_memory_of_a_node_and_of_its_card() -> None:
    """As many as have room, each with the whole list."""
    assert list(lane_counts(node(memory_gib=9.0), Ask(10, 1.0, 1_000_000))) == [1, 2]
    assert list(lane_counts(card(gpu_memory_gib=3.0), Ask(10, 1.0, 1_000_000))) == [1, 2, 3]


def test_there_are_as_many_recognisers_as_make_do_with_the_fewest_nodes() -> None:
    """More would only take memory: a card that two can fill needs no third, and few cameras need no second."""
    assert best_lanes(node(), Ask(10, 1.0, 1000), None, ROOM) == 1
    assert best_lanes(node(), Ask(400, 1.0, 1000), None, ROOM) == 4
    slow = card(gpu_detect_ms=50.0, decode_ms=0.1, gate_ms=0.0, other_ms=0.0, spread=0.0)
    assert best_lanes(slow, Ask(4000, 0.1, 1000), None, ROOM) == 2


def test_the_busiest_has_a_camera_and_no_more_than_all() -> None:
    """Between them more than the mean, and the less so the more cameras there are."""
    assert busiest(Ask(1, 5.0, 1), 10) == 5.0
    assert busiest(Ask(10, 5.0, 1), 1) == 50.0
    few, many = (busiest(Ask(count, 1.0, 1), 10) / (count / 10) for count in (100, 10_000))
    assert few > many > 1


def test_work_is_stretched_where_cores_are_shared() -> None:
    """Four recognisers on two cores take twice as long, and longer with a sender beside them."""
    ask = Ask(100, 1.0, 1000)
    busy = 4 * lane_fps(node(), ask)
    assert stretch(node(), ask, busy / 10, 4) == 1.0
    halved = stretch(node(cores=2.0), ask, busy, 4)
    assert halved > 1.5
    assert stretch(node(cores=2.0), Ask(100, 1.0, 1000, with_sender=True), busy, 4) > halved


def test_brokers_are_for_what_fills_them_first() -> None:
    """Three at least; here the disks: 3 x 1 GB/s at half of 0.5 GB/s each."""
    assert brokers_for(node(), Ask(10, 1.0, 1)) == 3
    assert brokers_for(node(), Ask(10_000, 1.0, 1)) == 12


def test_storage_follows_the_retention_profile() -> None:
    """3 replicas of 10 MB/s for 11 minutes."""
    kept = Kept("10 min", "1 min", "1 h")
    whole = RetentionProfile("p", "a", kept, kept, kept, kept, Withdrawn("24 h"), Kept("365 d", "1 d", "400 d"))
    found = {each.name: each.value for each in storage(Ask(100, 1.0, 1), whole, 0.0)}
    assert found["storage, frames"] == "19.8 GB"
    assert found["storage, alerts"] == "0 KB"


def test_room_is_a_share() -> None:
    """Of a node."""
    with pytest.raises(SettingsRefused, match="at most 1"):
        size(node(), Ask(1, 1.0, 1), room=1.5)
