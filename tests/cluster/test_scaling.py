"""How many recognisers there are, on loads of any kind."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.scaling import COOL_DOWN_S, Load, Scale, next_scale, slots, spare_slots, standby_slots
from cluster.settings import Recognisers

LANES = Recognisers(count=2, most=6, more_after_s=5, fewer_after_s=60)
SPARE = 4
STEP_S = 2
IDLE, FULL, BEHIND = Load(0.0, 0.0), Load(0.0, 1.0), Load(9.0, 1.0)

loads = st.one_of(st.none(), st.builds(Load, st.floats(0, 100), st.floats(0, 1)))


def run(rounds: Sequence[Sequence[Load | None]], before: Scale | None = None) -> list[Scale]:
    """The scale after each round, rounds being seconds apart; a round has loads for as many as there might be."""
    scale, found = before or Scale(), []
    for at, each in enumerate(rounds):
        scale = next_scale(scale, each[: LANES.count + scale.extra], SPARE, LANES, float(at * STEP_S))
        found.append(scale)
    return found


def constant(work: float, backlog_s: float, rounds: int, starting: int) -> Iterator[int]:
    """How many there are, round by round, under so much new work a second, each doing 1; new ones start first."""
    scale, new = Scale(), 0
    for at in range(rounds):
        at_work = LANES.count + scale.extra - (1 if new else 0)
        done = min(backlog_s + work * STEP_S, at_work * STEP_S)
        backlog_s += work * STEP_S - done
        known = [Load(backlog_s / at_work, done / at_work / STEP_S)] * at_work
        before = scale
        scale = next_scale(scale, [*known, *[None] * bool(new)], SPARE, LANES, float(at * STEP_S))
        new = starting if scale.extra > before.extra else max(0, new - 1)
        if scale.extra < before.extra:
            new = 0
        yield LANES.count + scale.extra


@given(st.lists(st.lists(loads, min_size=6, max_size=6), max_size=80))
def test_whatever_the_loads_are_the_bounds_hold_and_changes_are_one_at_a_time_and_far_apart(
    rounds: list[list[Load | None]],
) -> None:
    """Never less than the least, never more than the most."""
    found = [Scale(), *run(rounds)]
    assert all(0 <= scale.extra <= SPARE for scale in found)
    changed = [at for at, (before, after) in enumerate(pairwise(found)) if before.extra != after.extra]
    assert all(abs(found[at].extra - found[at + 1].extra) == 1 for at in changed)
    assert all((later - earlier) * STEP_S >= COOL_DOWN_S for earlier, later in pairwise(changed))


@given(st.floats(0, 7), st.floats(0, 500), st.integers(0, 5))
def test_under_a_constant_load_nothing_goes_to_and_fro(work: float, backlog_s: float, starting: int) -> None:
    """Once one has left, none comes back; in the end their number stays, as few as that work needs or nearly."""
    counts = list(constant(work, backlog_s, 1000, starting))
    steps = [after - before for before, after in pairwise(counts) if after != before]
    assert steps == sorted(steps, reverse=True)
    assert len(set(counts[-200:])) == 1
    assert counts[-1] >= min(6, work)
    assert counts[-1] == 2 or work > 0.6 * (counts[-1] - 1) - 0.01


@pytest.mark.parametrize("load", [BEHIND, FULL])
def test_a_backlog_brings_more_until_there_are_as_many_as_allowed(load: Load) -> None:
    """One at a time, each after the last has had time to show. A policy that sheds shows no backlog, only no rest."""
    extras = [0, *(scale.extra for scale in run([[load] * 6] * 60))]
    assert [at for at, (before, after) in enumerate(pairwise(extras)) if before != after] == [3, 13, 23, 33]
    assert extras[-1] == SPARE


def test_a_moment_of_either_kind_changes_nothing() -> None:
    """A rebalance, a slow batch, a pause of all cameras."""
    assert all(scale.extra == 0 for scale in run(([[BEHIND] * 6] * 2 + [[IDLE] * 6]) * 20))
    assert all(scale.extra == 2 for scale in run(([[IDLE] * 6] * 30 + [[FULL] * 6]) * 5, Scale(2)))


def test_one_leaves_after_the_others_have_had_rest_enough_for_long() -> None:
    """The last of those beside the least; then, not at once, the next."""
    extras = [scale.extra for scale in run([[IDLE] * 6] * 80, Scale(2))]
    assert extras[: 60 // STEP_S] == [2] * (60 // STEP_S)
    assert extras[-1] == 0
    assert extras.count(1) >= COOL_DOWN_S / STEP_S


@pytest.mark.parametrize(("load", "left"), [(Load(0.0, 0.39), 0), (Load(0.0, 0.41), 1), (Load(0.4, 0.0), 1)])
def test_one_leaves_only_if_the_others_can_do_its_work_as_well(load: Load, left: int) -> None:
    """Two of three would each have half as much again, and must not have much waiting."""
    assert run([[load] * 6] * 40, Scale(1))[-1].extra == left


def test_the_last_one_does_not_leave() -> None:
    """Those that there are to be at least may all be drained."""
    scale = Scale(1)
    for at in range(60):
        scale = next_scale(scale, [IDLE], SPARE, LANES, float(at * STEP_S))
    assert scale.extra == 1


def test_while_one_does_not_watch_no_other_is_started() -> None:
    """It may be starting, and then it helps; or no shard answers, and then one more would not."""
    assert all(scale.extra == 1 for scale in run([[BEHIND, BEHIND, None]] * 60, Scale(1)))


def test_one_that_cannot_start_leaves_when_it_is_not_needed() -> None:
    """No node may have room for it."""
    assert run([[IDLE, IDLE, None]] * 60, Scale(1))[-1].extra == 0
    assert run([[IDLE, None, IDLE]] * 60, Scale(1))[-1].extra == 1


def test_numbers_of_those_that_are_drained_are_left_out() -> None:
    """They are not made up for unless the load asks for it."""
    assert slots(LANES, 0, ()) == [0, 1]
    assert slots(LANES, 2, {0, 3}) == [1, 2, 4]
    assert spare_slots(LANES, {3}) == [2, 4, 5]
    assert slots(Recognisers(count=2), 3, {1}) == [0]


def test_those_that_stand_by_have_numbers_after_all_others() -> None:
    """However many there are now; none of one that is drained."""
    assert standby_slots(Recognisers(count=2), ()) == []
    assert standby_slots(Recognisers(count=2, standby=2), {3}) == [2]
    assert standby_slots(Recognisers(count=2, most=4, standby=1), ()) == [4]
    assert spare_slots(Recognisers(count=2, most=4, standby=1), ()) == [2, 3]
    assert next_scale(Scale(4), [IDLE] * 5, 3, LANES, 0.0).extra == 3
