"""Whether groups of people differ: the largest difference, whether chance explains it, and what would have shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from loadtests.evaluate.rates import Bools, Floats, Rate, Rows, per_person, rate

SHUFFLES = 2000
_AT_ONCE = 100  # shuffles: bounds the memory
SIGNIFICANT = 0.05
_POWER = 0.8


@dataclass(frozen=True, slots=True)
class Parity:
    """One rate compared between groups.

    Attributes:
        groups: The rate of each.
        largest: Largest difference between two of them.
        chance: How often groups made up by chance differ by as much, 0 to 1.
        detectable: Smallest difference between two groups that would have been found in four of five such
            evaluations.
    """

    groups: tuple[Rate, ...]
    largest: float
    chance: float
    detectable: float

    @property
    def is_seen(self) -> bool:
        """Whether chance is no good explanation."""
        return self.chance < SIGNIFICANT


def compare(hits: Bools, people: Rows, groups: Rows, count: int, seed: int) -> Parity:
    """Compare a rate between groups of people.

    Args:
        hits: (n,) one a case.
        people: (n,) whose case each is.
        groups: (n,) and of which group that person is.
        count: How many groups there are.
        seed: Of the shuffles and of the resampling.
    """
    of_each = [groups == group for group in range(count)]
    several = len(np.unique(people)) < len(people)
    rates = tuple(rate(hits[own], people[own] if several else None, seed) for own in of_each)
    found, cases = per_person(hits, people)
    _, firsts = np.unique(people, return_index=True)
    largest = spread([one.value for one in rates])
    return Parity(
        groups=rates,
        largest=largest,
        chance=_chance(found, cases, groups[firsts], count, largest, seed),
        detectable=_detectable(found, cases, min(one.of for one in rates), count),
    )


def spread(values: Sequence[float]) -> float:
    """Largest minus smallest; NaN where a group is empty."""
    return max(values) - min(values) if all(map(math.isfinite, values)) else float("nan")


def detectable(errors: int, of: int, each: float, count: int) -> float:
    """The smallest difference between two groups that a test finds in 80 % of all evaluations.

    A test of all pairs of groups at 5 % after Bonferroni, with the arcsine transform, which holds for rare errors.

    Args:
        errors: In all groups together.
        of: Cases in all groups together.
        each: Independent cases that one group is worth.
        count: Groups.

    Returns:
        Difference of two shares, 0 to 1.
    """
    pairs = count * (count - 1) // 2
    normal = NormalDist()
    reach = normal.inv_cdf(1 - SIGNIFICANT / (2 * pairs)) + normal.inv_cdf(_POWER)
    share = (errors + 1) / (of + 2)  # no error in n cases does not mean that there never is one
    angle = math.asin(math.sqrt(share)) + reach * math.sqrt(2 / max(each, 1)) / 2
    return math.sin(min(angle, math.pi / 2)) ** 2 - share


def design_effect(found: Floats, cases: Floats) -> float:
    """By how much several cases of one person are worth less than as many of different people; 1 or more.

    Args:
        found: (p,) hits of each person.
        cases: (p,) cases of each.
    """
    share = found.sum() / cases.sum()
    if len(found) < 2 or share in (0, 1):
        return 1.0
    between = len(found) / (len(found) - 1) * float(((found - share * cases) ** 2).sum())
    return max(1.0, between / float(cases.sum() * share * (1 - share)))


def _detectable(found: Floats, cases: Floats, smallest: int, count: int) -> float:
    errors = min(found.sum(), cases.sum() - found.sum())
    return detectable(int(errors), int(cases.sum()), smallest / design_effect(found, cases), count)


def _chance(found: Floats, cases: Floats, groups: Rows, count: int, largest: float, seed: int) -> float:
    """How often people dealt into groups at random differ by as much."""
    if not math.isfinite(largest):
        return float("nan")
    draw = np.random.Generator(np.random.PCG64([seed, 51]))
    as_large = 0
    for _ in range(SHUFFLES // _AT_ONCE):
        dealt = draw.permuted(np.tile(groups.astype(np.int8), (_AT_ONCE, 1)), axis=1)
        shares = np.stack([(dealt == group) @ found / ((dealt == group) @ cases) for group in range(count)])
        as_large += int((np.ptp(shares, axis=0) >= largest - 1e-12).sum())
    return (as_large + 1) / (SHUFFLES + 1)
