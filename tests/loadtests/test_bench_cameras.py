"""What is asked of a thousand cameras that send almost nothing."""

from dataclasses import replace

import pytest

from loadtests.bench_cameras import Outcomes, compared, names, policy_of
from loadtests.bench_cluster import ends

GOOD = Outcomes(1000, 40.0, 2000, 2000, 0, 0, 150.0, 0.0)


def test_what_is_as_asked() -> None:
    """Ages are told, and nothing is asked of them."""
    assert [each.is_reached for each in compared(GOOD)] == [True, True, True, None]


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (replace(GOOD, kb=101.0), "memory of an idle camera"),
        (replace(GOOD, looked_at=1999), "frames missing in the account"),
        (replace(GOOD, looked_at=2001), "frames missing in the account"),
        (replace(GOOD, looked_at=1999, shed=1), "frames shed or refused"),
        (replace(GOOD, looked_at=1999, dead_lettered=1), "frames shed or refused"),
    ],
)
def test_each_fault_is_found(fault: Outcomes, name: str) -> None:
    """By itself, and named."""
    assert [each.name for each in compared(fault) if each.is_reached is False] == [name]


def test_the_policy_names_them_beside_those_that_warm_up() -> None:
    """A frame of a camera that no policy names is refused."""
    assert policy_of({"cameras": ["bench-0"], "policy": 1}, 2) == {"cameras": ["bench-0", *names(2)], "policy": 1}


def test_ends_of_all_recognisers_are_added_up_and_earlier_ones_taken_off() -> None:
    """By camera, age and reason; a camera may have moved from one recogniser to another."""

    def lane(watched: dict[str, int], ages: dict[str, int], shed: int, dead: int) -> dict[str, object]:
        ended = {"watched": watched, "ages_ms": ages, "shed": {"stale": shed}, "dead_lettered": {"jpeg": dead}}
        return {"account": ended}

    before = ends([lane({"a": 1}, {"100": 1}, 1, 0), lane({}, {}, 0, 1)])
    found = ends([lane({"a": 1}, {"100": 1}, 1, 2), lane({"a": 2, "b": 1}, {"100": 2, "150": 1}, 4, 1)]) - before
    assert found.watched == {"a": 2, "b": 1}
    assert found.ages_ms == {100: 2, 150: 1}
    assert found.shed == {"stale": 4}
    assert found.dead_lettered == 2
