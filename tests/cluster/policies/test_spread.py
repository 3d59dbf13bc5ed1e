"""Recognisers that do not go by the newest policy."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cluster.policies.spread import LONGEST_S, Case, GoesBy, Newest, Spread
from tests.builders import NOW

OLD, NEW = GoesBy(7, "7" * 64, None), Newest(8, "8" * 64)


def switched(seconds: float = 0) -> GoesBy:
    """One that has changed over so long after now."""
    return GoesBy(8, "8" * 64, NOW + timedelta(seconds=seconds))


def test_who_has_not_changed_over_in_time_is_told_of_once() -> None:
    """Time is given, one answer may be an old one; while it lasts it is shown, but told of once."""
    spread = Spread()
    lanes = {"recogniser-0": switched(), "recogniser-1": OLD}
    assert spread.look(NEW, lanes, 100.0) == []
    assert spread.look(NEW, lanes, 100.0 + LONGEST_S) == []
    assert spread.look(NEW, lanes, 102.1) == []
    assert spread.has_late
    [case] = spread.look(NEW, lanes, 104.0)
    assert case == Case(NEW, ("recogniser-1",), 4.0, is_over=False)
    assert str(case) == "recogniser-1 has not changed over to policy 8 within 4.0 s"
    assert spread.look(NEW, lanes, 106.0) == []
    assert [case.seconds for case in spread.cases] == [6.0]
    assert spread.look(NEW, {"recogniser-0": switched(), "recogniser-1": GoesBy(8, "8" * 64, None)}, 108.0) == []
    assert (spread.cases, spread.has_late) == ([], False)


def test_another_policy_of_the_same_number_is_another_policy() -> None:
    """A number can be taken twice, by a cluster file against the topic; what decides is named by its digest."""
    spread, other = Spread(), GoesBy(8, "9" * 64, NOW)
    lanes = {"recogniser-0": switched(), "recogniser-1": other}
    assert [spread.look(NEW, lanes, asked_s) for asked_s in (100.0, 102.1)] == [[], []]
    assert (spread.late_members, spread.has_late) == (1, True)
    [case] = spread.look(NEW, lanes, 104.0)
    assert case.late == ("recogniser-1",)


def test_those_that_changed_over_far_apart_are_told_of() -> None:
    """Though all go by the newest policy now; who began with it, or goes by one to come, is no case."""
    spread = Spread()
    lanes = {"recogniser-0": switched(), "recogniser-1": switched(2.0), "recogniser-2": GoesBy(8, "8" * 64, None)}
    lanes["recogniser-3"] = GoesBy(9, "9" * 64, NOW - timedelta(seconds=60))
    assert spread.look(NEW, lanes, 100.0) == []
    [case] = spread.look(NEW, {**lanes, "recogniser-1": switched(2.1)}, 102.0)
    assert case == Case(NEW, ("recogniser-1",), 2.1, is_over=True)
    assert str(case) == "recogniser-1 changed over to policy 8 2.1 s after the first"
    assert spread.look(NEW, {**lanes, "recogniser-1": switched(2.1)}, 104.0) == []
    assert spread.cases == [case]


def test_each_policy_is_a_case_of_its_own() -> None:
    """And so is each recogniser that joins those that are late."""
    spread, newer = Spread(), Newest(9, "9" * 64)
    late = {"recogniser-0": OLD}
    for asked_s in (100.0, 103.0):
        spread.look(NEW, late, asked_s)
    assert [case.late for case in spread.look(NEW, late, 104.0)] == [("recogniser-0",)]
    both = {**late, "recogniser-1": OLD}
    assert spread.look(NEW, both, 105.0) == []
    assert [case.late for case in spread.look(NEW, both, 106.0)] == [("recogniser-0", "recogniser-1")]
    for asked_s in (107.0, 110.0):
        assert spread.look(newer, both, asked_s) == []
    assert [case.newest for case in spread.look(newer, both, 111.0)] == [newer]


def test_nothing_is_wrong_where_nothing_stands() -> None:
    """Nor where nobody is."""
    assert Spread().look(None, {"recogniser-0": OLD}, 100.0) == []
    assert Spread().look(NEW, {}, 100.0) == []


@given(st.lists(st.tuples(st.floats(0, 1.9), st.sampled_from([OLD, switched(), switched(1.9)])), max_size=20))
def test_whoever_changes_over_within_the_time_is_no_case(looks: list[tuple[float, GoesBy]]) -> None:
    """However often it is looked at meanwhile."""
    spread = Spread()
    for after_s, lane in sorted(looks, key=lambda look: look[0]):
        assert spread.look(NEW, {"recogniser-0": switched(), "recogniser-1": lane}, 100.0 + after_s) == []


def test_how_far_apart_they_are_is_known_before_it_is_a_case() -> None:
    """While some are late it grows; afterwards it is how far apart they changed over."""
    spread = Spread()
    found = []
    for lanes, asked_s in (
        ([switched(), OLD], 100.0),
        ([switched(), OLD], 101.0),
        ([switched(), switched(1.5)], 102.0),
    ):
        spread.look(NEW, {f"recogniser-{slot}": lane for slot, lane in enumerate(lanes)}, asked_s)
        found.append((spread.late_members, spread.apart_s))
    assert found == [(1, 0.0), (1, 1.0), (0, 1.5)]
