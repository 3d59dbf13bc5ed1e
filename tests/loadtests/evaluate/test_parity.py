"""Differences between groups of people, held against hand-worked numbers."""

import numpy as np
import pytest

from loadtests.evaluate.parity import compare, design_effect, detectable, spread


def test_the_largest_difference_is_between_the_furthest_apart() -> None:
    """Four groups of ten: 1.0, 0.9, 0.9 and 0.7."""
    hits = np.ones((4, 10), bool)
    hits[1, 0] = hits[2, 0] = False
    hits[3, :3] = False
    found = compare(hits.ravel(), np.arange(40), np.repeat(np.arange(4), 10), 4, seed=1)
    assert [each.hits for each in found.groups] == [10, 9, 9, 7]
    assert found.largest == pytest.approx(0.3)
    assert not found.is_seen


def test_a_group_that_is_never_found_is_seen() -> None:
    """Chance does not explain 0 of 50 beside three times 50 of 50."""
    hits = np.repeat([True, True, True, False], 50)
    found = compare(hits, np.arange(200), np.repeat(np.arange(4), 50), 4, seed=1)
    assert found.is_seen
    assert found == compare(hits, np.arange(200), np.repeat(np.arange(4), 50), 4, seed=1)


def test_equal_groups_are_what_chance_always_does() -> None:
    """Nothing differs by less than nothing."""
    found = compare(np.ones(8, bool), np.arange(8), np.repeat(np.arange(4), 2), 4, seed=1)
    assert (found.largest, found.chance) == (0, 1)


def test_people_are_shuffled_whole() -> None:
    """One unlucky person of 50 probes is one person, not 50 findings."""
    people = np.repeat(np.arange(16), 50)
    hits = people != 3
    found = compare(hits, people, people // 4, 4, seed=1)
    assert found.largest == pytest.approx(0.25)
    assert found.chance == 1


def test_with_an_empty_group_no_difference_is_told() -> None:
    """Not a number, rather than a number about nobody."""
    found = compare(np.ones(3, bool), np.arange(3), np.arange(3), 4, seed=1)
    assert np.isnan(found.largest)
    assert np.isnan(found.chance)
    assert not found.is_seen
    assert np.isnan(spread([0.5, float("nan")]))


def test_what_would_have_been_seen_shrinks_with_the_number_of_people() -> None:
    """By hand: 3 % and 5.84 % of 1,250 are (2.638 + 0.842) * sqrt((0.03 * 0.97 + 0.0584 * 0.9416) / 1,250) apart."""
    assert detectable(150, 5000, 1250, 4) == pytest.approx(0.0284, abs=0.0005)
    assert detectable(150, 5000, 12_500, 4) == pytest.approx(0.0080, abs=0.0005)
    assert detectable(150, 5000, 1250, 2) < detectable(150, 5000, 1250, 4)


def test_without_any_error_a_difference_may_still_have_been_missed() -> None:
    """0 errors in 2,500 a group: no less than the 6 beside 0 that Fisher's test needs for 5 %."""
    assert 6 / 2500 < detectable(0, 10_000, 2500, 4) < 12 / 2500


@pytest.mark.parametrize(
    ("found", "effect"),
    [
        pytest.param([5, 0] * 50, 5 * 100 / 99, id="always or never: five probes are worth one"),
        pytest.param([3, 2] * 50, 1.0, id="more even than chance: no more than they are"),
        pytest.param([5, 5] * 50, 1.0, id="all found"),
    ],
)
def test_probes_of_one_person_are_worth_less_when_they_are_alike(found: list[int], effect: float) -> None:
    """The ratio of the variance between people to that of independent probes."""
    assert design_effect(np.array(found, float), np.full(100, 5.0)) == pytest.approx(effect)
