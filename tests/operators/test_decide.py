import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.decide import MAX_CANDIDATES, WatchlistRule, match
from tests.builders import hit

RULE = WatchlistRule("Find them.", ("missing",), 30, 9, 0.6, 0.5, {"hall": 0.7})


@pytest.mark.parametrize(
    ("threshold", "floor", "cameras"),
    [
        (0.4, 0.5, {}),
        (0.6, 0.5, {"gate": 0.4}),
        (1.1, 0.5, {}),
        (0.6, -1.1, {}),
        (0.6, 0.5, {"gate": 1.5}),
        (math.nan, 0.5, {}),
        (0.6, math.nan, {}),
        (0.6, 0.5, {"gate": math.nan}),
        (0.1, 0.5, {"threshold": 0.6}),
        (2.0, 0.5, {"threshold": 0.6}),
        (0.6, 0.5, {"floor": 0.4}),
        (0.6, 7.0, {"floor": 0.6}),
    ],
)
def test_a_threshold_outside_its_range_or_below_the_floor_is_refused(
    threshold: float, floor: float, cameras: dict[str, float]
) -> None:
    """Also for one camera, for values that are no numbers, and for cameras named like a field."""
    with pytest.raises(ValueError, match=r"floor|\[-1, 1\]"):
        WatchlistRule("Find them.", ("missing",), 30, 9, threshold, floor, cameras)


def test_a_list_without_purpose_is_refused() -> None:
    """Nobody is searched for without a reason."""
    with pytest.raises(ValueError, match="purpose"):
        WatchlistRule("", ("missing",), 30, 9, 0.6, 0.5)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"categories": ()}, "categories"),
        ({"categories": ("",)}, "categories"),
        ({"categories": ("a", "a")}, "categories"),
        ({"longest_days": 0}, "longest_days: must be at least 1"),
        ({"most_entries": 0}, "most_entries: must be at least 1"),
        ({"most_entries": -1}, "most_entries: must be at least 1"),
    ],
)
def test_a_list_for_anything_or_anybody_or_for_ever_is_refused(changes: dict[str, Any], match: str) -> None:
    """What an entry may be for, how many there may be, and how long one may last, is said by the policy."""
    with pytest.raises(ValueError, match=match):
        replace(RULE, **changes)


def test_the_threshold_may_be_the_floor() -> None:
    """The floor is the lowest allowed value, not the first refused one."""
    assert WatchlistRule("Find them.", ("missing",), 30, 9, 0.5, 0.5, {"gate": 0.5}).threshold == 0.5


def test_the_threshold_itself_is_reached() -> None:
    """A cosine equal to the threshold is a candidate; the next number below is not."""
    at, below = hit("at", 0.6), hit("below", math.nextafter(0.6, 0))
    [found] = match([at, below], "gate", {"sought": RULE})
    assert found.candidates == (at,)
    assert found.best is at
    assert (found.watchlist, found.purpose, found.threshold) == ("sought", "Find them.", 0.6)


def test_a_camera_of_its_own_threshold_uses_that() -> None:
    """The exception holds on its camera alone."""
    assert match([hit(cosine=0.65)], "gate", {"sought": RULE})
    assert not match([hit(cosine=0.65)], "hall", {"sought": RULE})
    assert match([hit(cosine=0.7)], "hall", {"sought": RULE})[0].threshold == 0.7


def test_lists_are_decided_one_by_one_in_order_of_their_names() -> None:
    """A hit of one list is no candidate of another; lists without a rule are passed over."""
    hits = [hit("x", 0.9, "zeta"), hit("y", 0.8, "alpha"), hit("z", 1.0, "unruled"), hit("w", 0.7, "zeta")]
    found = match(hits, "gate", {"zeta": RULE, "alpha": RULE})
    assert [(one.watchlist, [h.entry for h in one.candidates]) for one in found] == [
        ("alpha", ["y"]),
        ("zeta", ["x", "w"]),
    ]


def test_no_hits_no_rules_no_match() -> None:
    """Nothing in, nothing out."""
    assert match([], "gate", {"sought": RULE}) == []
    assert match([hit()], "gate", {}) == []


@given(st.lists(st.floats(-1, 1), max_size=8), st.floats(-1, 1))
def test_candidates_are_the_best_that_reach_the_threshold(cosines: list[float], threshold: float) -> None:
    """At most three, all at or above it, none better left out."""
    hits = [hit(str(at), cosine) for at, cosine in enumerate(sorted(cosines, reverse=True))]
    found = match(hits, "gate", {"sought": WatchlistRule("Find them.", ("missing",), 30, 9, threshold, -1)})
    expected = [one for one in hits if one.cosine >= threshold][:MAX_CANDIDATES]
    assert [list(one.candidates) for one in found] == ([expected] if expected else [])


CANARY = WatchlistRule("Show that alerts come.", ("canary",), 30, 9, 0.6, 0.5, canary="empty")


def test_a_canary_is_found_on_its_camera_alone() -> None:
    """And marked; nobody else is searched for there, however alike."""
    rules = {"sought": RULE, "test": CANARY}
    hits = [hit("anna", 0.9), hit("canary", 0.9, "test")]
    assert [(found.watchlist, found.is_canary) for found in match(hits, "gate", rules)] == [("sought", False)]
    assert [(found.watchlist, found.is_canary) for found in match(hits, "empty", rules)] == [("test", True)]


def test_a_camera_with_two_canaries_shows_both() -> None:
    """Each list by its own threshold."""
    rules = {"a": CANARY, "b": CANARY}
    hits = [hit("one", 0.9, "a"), hit("two", 0.5, "b")]
    assert [found.watchlist for found in match(hits, "empty", rules)] == ["a"]
